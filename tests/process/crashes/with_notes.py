# exit: 1
# python: 3.11
# first: ValueError: bad row while reading part-0007.csv (with_notes.py:5, in <module>)
error = ValueError("bad row")
error.add_note("while reading part-0007.csv"); raise error
