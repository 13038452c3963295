# exit: 4
# first: Exit code 4; last line on stderr: ValueError: in the thread (thread_ends_the_process.py:8, in work)
# has: in work
import os, threading, traceback

def work():
    try:
        raise ValueError("in the thread")
    except ValueError:
        traceback.print_exc()
        os._exit(4)

thread = threading.Thread(target=work)
thread.start()
thread.join()
