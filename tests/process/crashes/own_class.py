# exit: 1
# first: OutOfPatience: the loss is nan (own_class.py:4, in <module>)
class OutOfPatience(Exception): pass
raise OutOfPatience("the loss is nan")
