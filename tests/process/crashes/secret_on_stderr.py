# exit: 8
# env: DB_PASSWORD=correct horse battery
# first: Exit code 8; last line on stderr: cannot log in with ****
import os, sys
print("cannot log in with", os.environ["DB_PASSWORD"], file=sys.stderr)
os._exit(8)
