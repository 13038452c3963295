# exit: 5
# first: Exit code 5, and nothing on stderr
import os
print("the error is told on stdout only", flush=True)
os._exit(5)
