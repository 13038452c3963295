# exit: 1
# first: ValueError: seen by the hook (excepthook.py:6, in <module>)
# has: Traceback (most recent call last)
import sys
sys.excepthook = lambda kind, error, trace: print("hook:", error, file=sys.stderr)
raise ValueError("seen by the hook")
