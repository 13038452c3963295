# exit: 1
# first: RecursionError: maximum recursion depth exceeded* (recursion.py:4, in deeper)
def deeper():
    deeper()
deeper()
