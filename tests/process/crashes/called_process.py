# exit: 1
# first: subprocess.CalledProcessError: Command '['false']' returned non-zero exit status 1. (called_process.py:4, in <module>)
import subprocess
subprocess.run(["false"], check=True)
