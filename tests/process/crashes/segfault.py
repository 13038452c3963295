# exit: 139
# first: Killed by SIGSEGV (segmentation fault) (segfault.py:7, in crash)
# has: Fatal Python error: Segmentation fault
import ctypes

def crash():
    ctypes.string_at(0)

crash()
