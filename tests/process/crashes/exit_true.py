# exit: 1
# first: SystemExit: True (exit_true.py:3, in <module>)
raise SystemExit(True)
