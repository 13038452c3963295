# exit: 1
# first: KeyError: 'SM_CHANNEL_VALIDATION' (environment_variable.py:6, in load)
import os

def load():
    return os.environ["SM_CHANNEL_VALIDATION"]

load()
