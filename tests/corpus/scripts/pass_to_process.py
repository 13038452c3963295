# script: target of a process
import multiprocessing


def train(queue):
    queue.put(1)


worker = multiprocessing.Process(target=train, args=(None,))
worker.start()
worker.join()
