# exit: 2
# first: error: argument --epochs: invalid int value: 'ten' (sys.exit(2), argparse_wrong_type.py:7, in <module>)
# has: Last lines on stderr:*usage: argparse_wrong_type.py
import argparse
parser = argparse.ArgumentParser()
parser.add_argument("--epochs", type=int)
parser.parse_args(["--epochs", "ten"])
