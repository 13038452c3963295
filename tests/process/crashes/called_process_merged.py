# exit: 1
# first: subprocess.CalledProcessError: Command * returned non-zero exit status 2. (called_process_merged.py:6, in <module>)
# has: Last line on stderr before it: fatal: no such dataset*Traceback
import subprocess, sys
print("an older warning", file=sys.stderr)
subprocess.check_output(["sh", "-c", "echo fatal: no such dataset; exit 2"], stderr=subprocess.STDOUT)
