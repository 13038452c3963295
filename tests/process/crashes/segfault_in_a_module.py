# exit: 139
# first: Killed by SIGSEGV (segmentation fault) (native/crash.py:3, in crash)
import os
os.mkdir("native"); open("native/crash.py", "w").write("import ctypes\ndef crash():\n    ctypes.string_at(0)\n")
from native import crash

crash.crash()
