"""What `snap doctor` says of the program, its libraries and the environment it runs in."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version

import snapstore
from snapstore.actions.doctor import OK, WARNING, Finding
from snapstore.cli.places import environment_says
from snapstore.store import FORMAT

_LIBRARIES = ("sqlean.py", "apsw", "xxhash", "backports.zstd", "click", "PyYAML", "platformdirs")
_VARIABLES = ("SNAPSTORE_CONFIG", "SNAPSTORE_STORE", "E2E_BACKUP_PATH", "E2E_NO_BACKUP", "E2E_DEBUG")


def examine_program() -> Iterator[Finding]:
    """Yield versions, and whether `snap` is this program."""
    python = sys.version.split()[0]
    yield Finding("program", OK, f"snapstore {snapstore.__version__}, Python {python}, store format {FORMAT}")
    yield Finding("libraries", OK, ", ".join(f"{name} {found}" for name, found in _versions()))
    yield from _name_clash()


def examine_environment() -> Iterator[Finding]:
    """Yield the variables that change what commands do."""
    for name in _VARIABLES:
        if not os.environ.get(name):
            continue
        said = f"{name}={os.environ[name]}"
        if name == "E2E_NO_BACKUP" and environment_says(name):
            yield Finding(
                "environment", WARNING, f"{said}: 'backup' and the 'restore' of it do nothing", f"unset {name}"
            )
        else:
            yield Finding("environment", OK, said)


def _versions() -> Iterator[tuple[str, str]]:
    for name in _LIBRARIES:
        with suppress(PackageNotFoundError):
            yield name, version(name)


def _name_clash() -> Iterator[Finding]:
    """Ubuntu's snapd has a `snap` of its own."""
    found = shutil.which("snap")
    if found is None or os.path.dirname(found) == os.path.dirname(os.path.abspath(sys.argv[0])):
        return
    with suppress(OSError, subprocess.SubprocessError):
        said = subprocess.run([found, "--version"], capture_output=True, text=True, timeout=10, check=False).stdout
        if not said.startswith("snapstore"):
            yield Finding(
                "program", WARNING, f"'snap' on the PATH is another program: '{found}'", "type 'snapstore' instead"
            )
