# function: a method of an object
class Trainer:
    def fit(self, model_dir):
        return model_dir


trainer = Trainer()
train = trainer.fit
