"""Tests of snapstore. What they keep for the user goes to folders of their own, not to those of whoever runs them."""

import multiprocessing
import os
import tempfile

if multiprocessing.parent_process() is None:
    _home = tempfile.TemporaryDirectory(prefix="snapstore-tests-")
    for _name in ("XDG_DATA_HOME", "XDG_CONFIG_HOME"):
        os.environ[_name] = os.path.join(_home.name, _name)
