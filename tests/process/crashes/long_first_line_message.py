# exit: 1
# first: RuntimeError: line 0 line 1 *… (long_first_line_message.py:4, in <module>)
# has: RuntimeError: line 0*line 1*line 30
raise RuntimeError("\n".join(f"line {number}" for number in range(40)))
