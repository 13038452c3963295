# exit: 168
# first: Killed by signal 40
import os
os.kill(os.getpid(), 40)
