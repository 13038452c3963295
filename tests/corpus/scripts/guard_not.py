# script: a guard that leaves early
def train():
    return 1


if __name__ != "__main__":
    raise ImportError("this file is a program")
train()
