# exit: 137
# first: Killed by SIGKILL from outside; perhaps the machine ran out of memory
import os, signal
os.kill(os.getpid(), signal.SIGKILL)
