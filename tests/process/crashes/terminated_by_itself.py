# exit: 143
# first: Killed by SIGTERM*
import os, signal
os.kill(os.getpid(), signal.SIGTERM)
