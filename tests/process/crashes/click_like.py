# exit: 2
# first: UsageError: No such option: --epochz (click_like.py:6, in parse), then sys.exit(2)
import sys
class UsageError(Exception): pass
def parse():
    raise UsageError("No such option: --epochz")
try:
    parse()
except UsageError as error:
    print(f"Error: {error}", file=sys.stderr); sys.exit(2)
