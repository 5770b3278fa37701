"""The kit for Playwright that `snap init --playwright` writes; nothing is overwritten without consent."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

from snapstore.cli.context import Context
from snapstore.creating import create_ordinary, make_folders
from snapstore.errors import FileError, WouldOverwrite
from snapstore.files import translated, write_all, written_durably
from snapstore.integrations.playwright import (
    PACKAGE,
    configuration_for,
    example_files,
    has_package,
    kit_files,
    lines_to_add,
)
from snapstore.regular import open_named


def write_kit(
    context: Context, folder: str, configuration: str, *, example: bool, force: bool
) -> tuple[dict[str, Any], list[str]]:
    """Write the kit, or nothing where the package is installed, and an example if asked; return the result, its lines.

    Raises WouldOverwrite, before anything is written, FileError.
    """
    if not folder:
        raise FileError("--playwright", "is empty")
    existing = configuration_for(folder, os.path.dirname(configuration))
    packaged = has_package(folder)
    files = {} if packaged else kit_files(folder)
    if example and not existing:
        files |= example_files(folder, configuration, packaged=packaged)
    wanted = {os.path.abspath(path): data for path, data in files.items()}
    pending = {path: data for path, data in wanted.items() if _content(path) != data}
    _consent(context, [path for path in pending if os.path.lexists(path)], force=force)
    for path, data in pending.items():
        _write(path, data)
    added = [] if example and not existing else list(lines_to_add(folder, existing, configuration, packaged=packaged))
    result = {"playwright": list(pending), "unchanged": len(wanted) - len(pending), "configuration": existing}
    return result | {"lines": added}, list(_lines(list(pending), existing, added, packaged=packaged))


def _consent(context: Context, in_the_way: list[str], *, force: bool) -> None:
    if not in_the_way or force:
        return
    if not context.can_ask(yes=False):
        raise WouldOverwrite(in_the_way[0], hint="it differs from the kit of this version: --force overwrites it")
    context.confirm(f"Overwrite {', '.join(in_the_way)}?", yes=False)


def _content(path: str) -> bytes | None:
    try:
        with open(open_named(path), "rb") as file:
            return file.read()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise FileError(path, (error.strerror or str(error)).lower()) from error


def _write(path: str, data: bytes) -> None:
    with translated(path):
        make_folders(os.path.dirname(path))
        with written_durably(os.path.realpath(path), step="kit", create=create_ordinary) as fd:
            write_all(fd, data)


def _lines(written: list[str], existing: str | None, added: list[str], *, packaged: bool) -> Iterator[str]:
    if packaged:
        yield f"the package {PACKAGE} is installed; it needs no copy"
    yield from [f"wrote {path}" for path in written] or ([] if packaged else ["the kit is up to date"])
    if not added:
        yield "next: npm install --save-dev @playwright/test, and npx playwright test there"
        return
    if existing:
        yield f"left {os.path.relpath(existing)} as it is; what it needs, and each test:"
    else:
        yield "a playwright.config.ts to begin with (--example writes one), and what each test needs:"
    yield from (f"    {line}".rstrip() for line in ["", *added])
