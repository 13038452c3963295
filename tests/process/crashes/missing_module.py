# exit: 1
# first: ModuleNotFoundError: No module named 'pydantik' (missing_module.py:4, in <module>)
# has: add it to requirements.txt: pydantik. The nearest name that is installed: pydantic.
import pydantik
