"""The kit for Playwright and other test runners in JavaScript, as files.

`kit/` is an npm package as it is: `npm pack` makes `snapstore-playwright` of it. `snap init --playwright` copies its
modules into a project instead. `example/` is a configuration and a test for a project that has no configuration of
Playwright. Python imports nothing of it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

from snapstore.integrations.playwright import wording

PACKAGE = "snapstore-playwright"
KIT = Path(__file__).parent / "kit"
_EXAMPLE = Path(__file__).parent / "example"
_FOLDER = "snapstore"
_CONFIGURATION = "SNAPSTORE_YAML"
_OF_THE_PACKAGE = ("README.md", "package.json")
_CODE = (".cjs", ".cts", ".mjs", ".mts")
_UNCHECKED = b"/* eslint-disable */\n"


def configuration_for(folder: str, top: str) -> str | None:
    """Return the configuration of Playwright in a folder or the nearest one above, up to `top`, else None."""
    place = Path(os.path.abspath(folder))
    for at in (place, *place.parents):
        if found := sorted(at.glob("playwright.config.*")):
            return os.fspath(found[0])
        if at == Path(os.path.abspath(top)) or not at.is_relative_to(top):
            return None
    return None


def has_package(folder: str) -> bool:
    """Tell whether a project has the npm package installed, so that it needs no copy."""
    return any((at / "node_modules" / PACKAGE).is_dir() for at in _upwards(folder))


def kit_files(folder: str) -> dict[str, bytes]:
    """Return the files of a copy of the kit, as bytes by path; linters leave them alone."""
    target = Path(folder) / _FOLDER
    return {
        os.fspath(target / one.name): (_UNCHECKED if one.suffix in _CODE else b"") + one.read_bytes()
        for one in sorted(KIT.iterdir())
        if one.name not in _OF_THE_PACKAGE
    }


def example_files(folder: str, configuration: str, *, packaged: bool) -> dict[str, bytes]:
    """Return the files of an example; `configuration` is the path of snapstore.yaml."""
    beside = wording.relative(configuration, folder)
    texts = {one.name: one.read_text("utf-8").replace(_CONFIGURATION, beside) for one in sorted(_EXAMPLE.iterdir())}
    if packaged:
        texts = {name: wording.from_package(text, PACKAGE) for name, text in texts.items()}
    return {os.fspath(Path(folder) / name): text.encode() for name, text in texts.items()}


def lines_to_add(folder: str, playwright: str | None, configuration: str, *, packaged: bool) -> Iterator[str]:
    """Yield the lines that a project's configuration of Playwright and its tests need.

    If it has none, they make one beside snapstore.yaml.
    """
    existing = playwright or os.path.join(os.path.dirname(configuration), "playwright.config.ts")
    home, end = os.path.dirname(os.path.abspath(existing)), "mjs" if _is_module(existing) else "cjs"
    copy = os.path.join(folder, _FOLDER)
    is_module = end == "mjs" or existing.endswith("ts")

    def imported(name: str, place: str) -> str:
        return f"{PACKAGE}/{name}" if packaged else f"{wording.relative(copy, place)}/{name}.{end}"

    yield from wording.configuration(
        imported("projects", home),
        imported("fixtures", home),
        wording.relative(configuration, home),
        None if playwright else wording.relative(folder, home),
        is_typed=existing.endswith("ts"),
        is_module=is_module,
    )
    yield ""
    yield wording.imported("expect, test", imported("fixtures", folder), is_module=is_module)


def _is_module(configuration: str) -> bool:
    """Tell whether Node loads a configuration as an ES module: by its name, else by the nearest package.json."""
    if configuration.endswith((".mjs", ".mts")):
        return True
    if configuration.endswith((".cjs", ".cts")):
        return False
    for at in _upwards(os.path.dirname(os.path.abspath(configuration))):
        try:
            document = json.loads((at / "package.json").read_text("utf-8"))
        except (OSError, ValueError):
            continue
        return isinstance(document, dict) and document.get("type") == "module"
    return False


def _upwards(folder: str) -> Iterator[Path]:
    place = Path(os.path.abspath(folder))
    yield from (place, *place.parents)
