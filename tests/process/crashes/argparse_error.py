# exit: 2
# first: error: the following arguments are required: --epochs (sys.exit(2), argparse_error.py:7, in <module>)
# has: error: the following arguments are required: --epochs
import argparse
parser = argparse.ArgumentParser()
parser.add_argument("--epochs", required=True)
parser.parse_args()
