# script: a guard against a list of names, for Windows workers
from multiprocessing import Process


def train(index):
    return index


if __name__ in ("__main__", "__mp_main__"):
    workers = [Process(target=train, args=(index,)) for index in range(2)]
