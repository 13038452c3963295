# script: a guard that is a look into a table
def train():
    return 1


{"__main__": train}.get(__name__, lambda: None)()
