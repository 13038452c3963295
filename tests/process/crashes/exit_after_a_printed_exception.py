# exit: 1
# first: ValueError: no rows (exit_after_a_printed_exception.py:7, in load), then sys.exit(1) was called (exit_after_a_printed_exception.py:12, in <module>)
import sys, traceback

def load():
    # the exception is no longer being handled when the script exits
    raise ValueError("no rows")
try:
    load()
except ValueError:
    traceback.print_exc()
sys.exit(1)
