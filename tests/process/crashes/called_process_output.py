# exit: 1
# first: subprocess.CalledProcessError: Command * returned non-zero exit status 2. (called_process_output.py:6, in <module>)
# has: Last line on stderr before it: fatal: no such dataset*Traceback
# has-not: Last line on stderr before it: cloning
import subprocess
subprocess.check_output(["sh", "-c", "echo cloning; echo fatal: no such dataset >&2; exit 2"])
