# exit: 1
# first: ValueError: bad data in column 7 (value_error.py:8, in load)
# has: Phase: script; exit code 1.
# has: Traceback (most recent call last):*value_error.py", line 11, in <module>


def load(column):
    raise ValueError(f"bad data in column {column}")


load(7)
