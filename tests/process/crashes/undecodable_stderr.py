# exit: 6
# first: Exit code 6; last line on stderr: data-\xff.csv is empty
import os
os.write(2, b"data-\xff.csv is empty\n")
os._exit(6)
