# script: an object whose method calls train()
def train(model):
    return model


class Experiment:
    def __init__(self, model):
        self.model = model

    def run(self):
        return train(self.model)


experiment = Experiment("net")
experiment.run()
