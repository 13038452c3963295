# function: a main that nobody calls
def train(lr=0.1):
    return lr


def main():
    return train(0.2)
