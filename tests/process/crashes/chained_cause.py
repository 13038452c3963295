# exit: 1
# first: RuntimeError: cannot read the manifest (chained_cause.py:13, in <module>)
# has: Behind it: KeyError: 'path' (chained_cause.py:8, in look)
# has: The above exception was the direct cause of the following exception


def look():
    {}["path"]

try:
    look()
except KeyError as error:
    raise RuntimeError("cannot read the manifest") from error
