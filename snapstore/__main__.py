"""Run the command line as `python -m snapstore`.

Python then puts the current folder before all others. Nothing is imported from there: it may be a project's, with a
`yaml.py` of its own, or somebody else's. Only `python -P` keeps Python from taking a `snapstore.py` for this one.
"""

import os
import sys

if sys.path[:1] == [os.getcwd()]:
    del sys.path[0]

from snapstore.start import main  # after that, on purpose

if __name__ == "__main__":
    main()
