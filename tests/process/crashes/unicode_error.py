# exit: 1
# first: UnicodeDecodeError: 'utf-8' codec can't decode byte 0xff in position 0: invalid start byte (unicode_error.py:3, in <module>)
b"\xff".decode("utf-8")
