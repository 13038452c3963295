# script: a guard without if
def train():
    return 1


__name__ == "__main__" and train()
