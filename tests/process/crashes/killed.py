# exit: 137
# first: Killed by SIGKILL; the sender is unknown
import os, signal
os.kill(os.getpid(), signal.SIGKILL)
