# script: the guard written the other way round
def train(epochs=3):
    return epochs


if "__main__" == __name__:
    train()
