# script: a guard against a name for the text
MAIN = "__main__"


def train():
    return 1


if __name__ == MAIN:
    train()
