# exit: 1
# first: SyntaxError: *: def train(: (syntax_error.py:3)
def train(:
    pass
