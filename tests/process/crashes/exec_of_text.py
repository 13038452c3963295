# exit: 1
# first: ZeroDivisionError: division by zero (<string>:1, in <module>)
exec("1 / 0")
