# exit: 1
# first: SyntaxError: *(not_utf8.py*
name = "été"
