# exit: 1
# first: ValueError: in the child (forked_child.py:5, in <module>)
import os, sys
if os.fork() == 0:
    raise ValueError("in the child")
_, status = os.wait(); sys.exit(os.waitstatus_to_exitcode(status))
