# exit: 1
# first: ZeroDivisionError: division by zero (exec_of_text.py:3, in <module>)
exec("1 / 0")
