"""What `snap init --playwright` writes, and that it overwrites nothing unasked."""

from __future__ import annotations

import os
from typing import Any

from snapstore.cli.command import Context
from snapstore.errors import FileError
from snapstore.files import translated, write_all, written_durably
from snapstore.integrations.playwright import configuration_in, files
from snapstore.refusals import WouldOverwrite


def write_kit(context: Context, folder: str, configuration: str, *, force: bool) -> tuple[dict[str, Any], list[str]]:
    """Write the kit, and an example where no configuration is there; return the result and its lines.

    Raises WouldOverwrite, before anything is written, FileError.
    """
    if not folder:
        raise FileError("--playwright", "is empty")
    existing = configuration_in(folder)
    wanted = {os.path.abspath(path): data for path, data in files(folder, configuration).items()}
    pending = {path: data for path, data in wanted.items() if _content(path) != data}
    in_the_way = [path for path in pending if os.path.lexists(path)]
    if in_the_way and not force:
        if not context.asks(yes=False):
            raise WouldOverwrite(in_the_way[0])
        context.confirm(f"Overwrite {', '.join(in_the_way)}?", yes=False)
    for path, data in pending.items():
        _write(path, data)
    return {"playwright": list(pending), "unchanged": len(wanted) - len(pending)}, _lines(pending, existing)


def _content(path: str) -> bytes | None:
    try:
        with open(path, "rb") as file:
            return file.read()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise FileError(path, (error.strerror or str(error)).lower()) from error


def _write(path: str, data: bytes) -> None:
    with translated(path):
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with written_durably(path, step="kit") as fd:
            write_all(fd, data)


def _lines(written: dict[str, bytes], existing: str | None) -> list[str]:
    lines = [f"wrote {path}" for path in written] or ["the kit is up to date"]
    if existing:
        return [
            *lines,
            f"left {existing} as it is; put ...databaseProjects() of snapstore/projects.mjs under its 'projects',",
            "and let yours depend on 'setup db'; tests take 'test' from snapstore/fixtures.mjs",
        ]
    return [*lines, "next: npm install --save-dev @playwright/test, and npx playwright test there"]
