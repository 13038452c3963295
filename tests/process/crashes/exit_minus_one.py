# exit: 255
# first: sys.exit(-1) was called (exit_minus_one.py:3, in <module>)
import sys; sys.exit(-1)
