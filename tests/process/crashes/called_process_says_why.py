# exit: 1
# first: subprocess.CalledProcessError: Command * returned non-zero exit status 3. (called_process_says_why.py:6, in <module>)
# has: Last line on stderr before it: fatal: no such dataset*Traceback*Last lines on stderr:*cloning
# has-not: Last lines on stderr:*Traceback
import subprocess
subprocess.run(["sh", "-c", "echo cloning >&2; echo fatal: no such dataset >&2; exit 3"], check=True)
