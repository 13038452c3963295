# exit: 4
# first: Exit code 4; last line on stderr: ValueError: in the thread
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
