# exit: 1
# first: ImportError: cannot import name 'BaseModle' from 'pydantic' (*) (missing_name.py:5, in <module>)
# has: Installed: pydantic 2.*requirements.txt can ask for another version.
# has: The nearest name that is installed: BaseModel.
from pydantic import BaseModle
