# exit: 1
# first: IndentationError: expected an indented block after *: print(1) (indentation_error.py:4)
if True:
print(1)
