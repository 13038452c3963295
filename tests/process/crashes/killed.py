# exit: 137
# first: Killed by SIGKILL; it is not known by whom
import os, signal
os.kill(os.getpid(), signal.SIGKILL)
