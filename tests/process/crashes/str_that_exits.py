# exit: 1
# first: Odd: <str() of the exception failed> (str_that_exits.py:6, in <module>)
class Odd(Exception):
    def __str__(self):
        raise SystemExit(0)
raise Odd
