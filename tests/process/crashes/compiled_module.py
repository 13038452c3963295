# exit: 1
# first: KeyError: 'label' (compiled_module.py:5, in column)
# A Cython module names its source as it was called where it was built: a path that is nowhere.
def column(frame):
    return frame["label"]

source = "class Frame:\n    def __getitem__(self, name):\n        raise KeyError(name)\n"
names = {"__name__": "pandas._libs.index"}
exec(compile(source, "pandas/_libs/index.pyx", "exec"), names)
column(names["Frame"]())
