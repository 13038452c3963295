# function: decorated, and called by nobody
import functools


def timed(function):
    @functools.wraps(function)
    def inner(*args, **kwargs):
        return function(*args, **kwargs)

    return inner


@timed
def train(epochs=1):
    return epochs


evaluate = timed(lambda: 1)
