# function: a class of that name
class train:
    def __init__(self, model_dir):
        self.model_dir = model_dir
