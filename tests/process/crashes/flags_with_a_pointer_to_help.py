# exit: 1
# first: sys.exit(1) was called (flags_with_a_pointer_to_help.py:5, in <module>); last line on stderr: Unknown command line flag 'lr'
import sys
print("FATAL Flags parsing error:\nUnknown command line flag 'lr'\nPass --helpshort or --helpfull to see help.", file=sys.stderr)
sys.exit(1)
