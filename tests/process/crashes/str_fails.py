# exit: 1
# first: Broken: <str() of the exception failed> (str_fails.py:7, in <module>)
class Broken(Exception):
    def __str__(self):
        return self.missing

raise Broken
