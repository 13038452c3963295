# exit: 1
# first: ValueError: no rows (<string>:1, in <module>), then subprocess.CalledProcessError: Command *(called_process_python.py:4, in <module>)
import subprocess, sys
subprocess.run([sys.executable, "-c", "raise ValueError('no rows')"], check=True)
