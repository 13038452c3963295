# exit: 1
# first: NameError: name 'clean_up' is not defined (chained_context.py:7, in <module>)
# has: Behind it: ValueError: first (chained_context.py:5, in <module>)
try:
    raise ValueError("first")
except ValueError:
    clean_up()
