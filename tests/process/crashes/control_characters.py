# exit: 1
# first: ValueError: \x1b[31mred\x1b[0m \x00 (control_characters.py:3, in <module>)
raise ValueError("\x1b[31mred\x1b[0m \x00")
