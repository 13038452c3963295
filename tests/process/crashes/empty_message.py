# exit: 1
# first: AssertionError (empty_message.py:3, in <module>)
assert 1 == 2
