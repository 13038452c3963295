# exit: 1
# first: SyntaxError: *: x = = 1 (model.py:1)
# has: Traceback*syntax_error_in_a_module.py", line 5, in <module>*import model
open("model.py", "w").write("x = = 1\n")
import model
