# script: a guard inside the function that starts all
def train():
    return 1


def start():
    if __name__ == "__main__":
        train()


start()
