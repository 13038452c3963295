# exit: 1
# first: TypeError: second (suppressed_context.py:6, in <module>)
try:
    raise ValueError("first")
except ValueError:
    raise TypeError("second") from None
