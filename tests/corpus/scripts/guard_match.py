# script: a guard written with match
def train():
    return 1


match __name__:
    case "__main__":
        train()
