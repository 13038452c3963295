# exit: 3
# first: sys.exit(3) was called (exit_with_a_program_s_code.py:4, in <module>); last line on stderr: no such dataset
import subprocess, sys
sys.exit(subprocess.call(["sh", "-c", "echo no such dataset >&2; exit 3"]))
