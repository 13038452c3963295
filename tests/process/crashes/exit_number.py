# exit: 3
# first: sys.exit(3) was called (exit_number.py:8, in main); last line on stderr: no data
# has: Last lines on stderr:*no data
import sys

def main():
    print("no data", file=sys.stderr)
    sys.exit(3)

main()
