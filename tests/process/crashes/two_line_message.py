# exit: 1
# first: RuntimeError: first second (two_line_message.py:4, in <module>)
# has: RuntimeError: first*second*Phase: script
raise RuntimeError("first\nsecond")
