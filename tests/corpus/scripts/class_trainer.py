# script: a class with a train method, no function
class Trainer:
    def __init__(self, lr):
        self.lr = lr

    def train(self):
        return self.lr


Trainer(0.1).train()
