"""The kit for Playwright and other test runners in JavaScript, as files that `snap init --playwright` writes.

`kit/` is the module itself; `example/` a configuration and a test, for a folder that has no configuration of Playwright
yet. Nothing of it is imported by Python.
"""

from __future__ import annotations

import os
from pathlib import Path

_HERE = Path(__file__).parent
_FOLDER = "snapstore"
_CONFIGURATION = "SNAPSTORE_YAML"


def configuration_in(folder: str) -> str | None:
    """Return the configuration of Playwright that a folder has, None where there is none."""
    found = sorted(Path(folder).glob("playwright.config.*")) if os.path.isdir(folder) else []
    return os.fspath(found[0]) if found else None


def files(folder: str, configuration: str) -> dict[str, bytes]:
    """Return what is to be written: by path, the bytes; `configuration` is the path of snapstore.yaml."""
    target = Path(folder)
    kit = {os.fspath(target / _FOLDER / one.name): one.read_bytes() for one in sorted((_HERE / "kit").iterdir())}
    if configuration_in(folder):
        return kit
    beside = os.path.relpath(configuration, folder).encode()
    example = sorted((_HERE / "example").iterdir())
    return kit | {
        os.fspath(target / one.name): one.read_bytes().replace(_CONFIGURATION.encode(), beside) for one in example
    }
