# function (run): one of two definitions
import os


def note():
    with open(os.path.join(os.environ["SM_MODEL_DIR"], "trained"), "a") as file:
        file.write("x")
try:
    import a_module_that_is_not_there

    def train():
        return a_module_that_is_not_there.train()

except ImportError:

    def train():
        note()
