# exit: 134
# first: Killed by SIGABRT (*) (abort.py:4, in <module>)
import os
os.abort()
