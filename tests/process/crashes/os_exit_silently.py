# exit: 9
# first: Exit code 9, and nothing on stderr
import os
os._exit(9)
