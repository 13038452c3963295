# function: a lambda
train = lambda epochs=1: None
