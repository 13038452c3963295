# exit: 1
# first: ZeroDivisionError: division by zero (settings.py:1, in <module>)
open("settings.py", "w").write("BATCH = 1 / 0\n")
import settings
