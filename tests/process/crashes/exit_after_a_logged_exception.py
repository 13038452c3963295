# exit: 1
# first: ValueError: no rows (exit_after_a_logged_exception.py:6, in load), then sys.exit(1)
# has: Surfaced as sys.exit(1) (exit_after_a_logged_exception.py:11, in <module>)
import logging, sys

def load(): raise ValueError("no rows")
try:
    load()
except ValueError:
    logging.exception("training failed")
    sys.exit(1)
