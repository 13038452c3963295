# exit: 1
# first: ValueError: the log has no line File "x.py", line 3 in it (quoted_traceback.py:4, in <module>)
# The words of a traceback do not make one.
raise ValueError('the log has no line File "x.py", line 3 in it')
