# exit: 1
# first: ValueError: main (main_fails_while_a_thread_runs.py:6, in <module>)
import threading, time
thread = threading.Thread(target=time.sleep, args=(0.3,))
thread.start()
raise ValueError("main")
