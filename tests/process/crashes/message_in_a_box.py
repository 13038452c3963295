# exit: 2
# first: sys.exit(2) was called (message_in_a_box.py:5, in <module>); last line on stderr: No such option: --lr
import sys
print("╭─ Error ─────────────────╮\n│ No such option: --lr    │\n╰─────────────────────────╯", file=sys.stderr)
sys.exit(2)
