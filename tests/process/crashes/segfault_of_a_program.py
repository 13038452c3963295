# exit: 1
# first: Segmentation fault (segfault_of_a_program.py:5, in <module>), then subprocess.CalledProcessError: Command *(segfault_of_a_program.py:6, in <module>)
import ctypes, subprocess, sys
if sys.argv[1:] == ["child"]:
    ctypes.string_at(0)
subprocess.run([sys.executable, __file__, "child"], check=True)
