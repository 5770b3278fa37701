"""Methods about the session itself."""

from __future__ import annotations

import os
import resource
import sys
from typing import Any

import snapstore
from snapstore.session.methods import METHODS, method
from snapstore.session.workplace import Workplace


@method("info")
def _info(at: Workplace) -> Any:
    """Say what the session is: version, process, databases and how their changes are followed, methods."""
    return {
        "version": snapstore.__version__,
        "pid": os.getpid(),
        "store": at.setting.store_path,
        "backup_name": at.setting.suite_policy.backup_name,
        "suite": at.suite is not None,
        "memory": _most_memory(),
        "databases": {name: at.tracking(name) for name in at.project.databases},
        "methods": sorted(METHODS),
    }


@method("release")
def _release(at: Workplace) -> Any:
    """Let the databases go until the next request, for what needs them alone: to leave WAL mode, say."""
    at.release()
    return {"released": list(at.project.databases)}


@method("shutdown")
def _shutdown(at: Workplace) -> Any:
    """End the session, after this answer; closing standard input does the same."""
    at.is_over = True
    at.check()
    return {"suite_left_open": at.suite is not None}


def _most_memory() -> int:
    """Return the most bytes that were resident."""
    unit = 1 if sys.platform == "darwin" else 1024  # getrusage(2)
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
