# exit: 1
# first: ValueError: bad shard 2 (carried_function.py:12, in <module>)
# has: Surfaced as ValueError; raised in another process, <dynamic-code>:3, in read
# joblib's and Ray's cloudpickle carries a function of the script's without the name of its file.
class _RemoteTraceback(Exception):
    pass

error = ValueError("bad shard 2")
error.__cause__ = _RemoteTraceback(
    '\n"""\nTraceback (most recent call last):\n  File "<dynamic-code>", line 3, in read\nValueError: bad shard 2\n"""'
)
raise error
