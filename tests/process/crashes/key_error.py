# exit: 1
# first: KeyError: 'learning-rate' (key_error.py:3, in <module>)
{}["learning-rate"]
