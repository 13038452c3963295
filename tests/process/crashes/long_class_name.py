# exit: 1
# first: Aaa*aaa…: why (long_class_name.py:4, in <module>)
# has: Aaaa*aaaaa: why
Kind = type("A" + "a" * 300, (Exception,), {}); raise Kind("why")
