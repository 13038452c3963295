# exit: 1
# first: ModuleNotFoundError: No module named 'pydantic.typ' (missing_submodule.py:5, in <module>)
# has: The installed pydantic 2.* has no module pydantic.typ.
import pydantic
import pydantic.typ
