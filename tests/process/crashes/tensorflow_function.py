# exit: 1
# first: ValueError: bad row (tensorflow_function.py:10, in row)
# TensorFlow's form: blank lines between the frames, and the graph's nodes behind the message.
import traceback


class UnknownError(Exception):
    pass

def row(): raise ValueError("bad row")
try:
    row()
except ValueError:
    said = traceback.format_exc().replace("\n", "\n\n").rstrip()
raise UnknownError(f"{{{{function_node x}}}} ValueError: bad row\n{said}\n\n\n\t [[{{{{node PyFunc}}}}]] [Op:IteratorGetNext] name: ")
