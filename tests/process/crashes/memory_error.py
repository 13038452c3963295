# exit: 1
# first: MemoryError (memory_error.py:3, in <module>)
x = bytearray(1 << 60)
