# function (run): an object that can be called
import os


def note():
    with open(os.path.join(os.environ["SM_MODEL_DIR"], "trained"), "a") as file:
        file.write("x")


class Trainer:
    def __init__(self, times):
        self.times = times

    def __call__(self, model_dir):
        for _ in range(self.times):
            note()


train = Trainer(times=1)
