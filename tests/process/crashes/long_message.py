# exit: 1
# first: ValueError: xxx*xxx… (long_message.py:4, in <module>)
# has: characters left out
raise ValueError("x" * 1_000_000)
