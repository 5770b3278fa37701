"""Python and pytest in processes of their own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.support import ENVIRONMENT, FEW_PLUGINS


def environment() -> dict[str, str]:
    """Return the environment without what the pytest around us says to its own workers."""
    others = ("PYTEST_", "SNAPSTORE_")
    return {name: value for name, value in ENVIRONMENT.items() if not name.startswith(others)} | FEW_PLUGINS


def python(folder: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run Python in a folder, to its end."""
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env=environment() | variables,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
