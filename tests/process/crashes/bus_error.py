# exit: 135
# first: Killed by SIGBUS (*) (bus_error.py:5, in <module>)
import mmap, tempfile, os
file = tempfile.TemporaryFile(); file.truncate(8192); view = mmap.mmap(file.fileno(), 8192); file.truncate(0)
view[4096]
