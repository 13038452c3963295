# exit: 1
# first: ValueError: in the thread (thread_fails_then_exit.py:7, in work), then sys.exit(1) was called (thread_fails_then_exit.py:9, in <module>)
# has: ValueError: in the thread
import sys, threading

def work():
    raise ValueError("in the thread")
thread = threading.Thread(target=work); thread.start(); thread.join()
sys.exit(1)
