# script: a guard inside try
def train():
    return 1


try:
    if __name__ == "__main__":
        train()
except KeyboardInterrupt:
    print("interrupted")
