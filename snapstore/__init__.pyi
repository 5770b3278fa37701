# What type checkers see. The module itself imports a class when it is asked for, and `typing` never: the program begins
# with that module, and the handlers of signals stand only after it (start.py).

from snapstore.api.clone import clone as clone
from snapstore.api.facade import Snapstore as Snapstore
from snapstore.session.client import Session as Session

__version__: str
__all__ = ["Session", "Snapstore", "__version__", "clone"]
