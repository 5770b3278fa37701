"""The lines of JavaScript and TypeScript that `snap init --playwright` prints."""

from __future__ import annotations

import os
from collections.abc import Iterator

_COPY = "./snapstore"


def relative(path: str, folder: str) -> str:
    """Return a path as an import or an option of a file in a folder names it: `./snapstore.yaml`."""
    found = os.path.relpath(path, folder).replace(os.sep, "/")
    return found if found.startswith("../") else f"./{found}"


def from_package(text: str, package: str) -> str:
    """Return code that imports the package instead of the copy beside it."""
    for name in ("fixtures", "projects", "snapstore"):
        text = text.replace(f"{_COPY}/{name}.mjs", f"{package}/{name}")
    return text


def configuration(
    projects: str, fixtures: str, yaml: str, tests: str | None, *, is_typed: bool, is_module: bool
) -> Iterator[str]:
    """Yield what a configuration of Playwright needs; a new one, for the folder `tests`, is whole."""
    if tests is not None:
        yield imported("defineConfig", "@playwright/test", is_module=is_module)
    yield imported("databaseProjects", projects, is_module=is_module)
    if is_typed:
        yield f"import type {{ SnapstoreTestFixtures, SnapstoreWorkerFixtures }} from {_quoted(fixtures)};"
    yield ""
    types = "<SnapstoreTestFixtures, SnapstoreWorkerFixtures>" if is_typed else ""
    yield f"{'export default' if is_module else 'module.exports ='} defineConfig{types}({{"
    if tests not in (None, "./."):
        yield f"  testDir: {_quoted(str(tests))},"
    yield "  workers: 1, // or a database for each worker: docs/playwright.md"
    yield f"  use: {{ snapstore: {{ config: {_quoted(yaml)} }} }},"
    yield "  projects: [...databaseProjects(), { name: 'e2e', dependencies: ['setup db'] }],"
    yield "});"


def imported(names: str, module: str, *, is_module: bool) -> str:
    """Return the statement that takes names from a module."""
    if is_module:
        return f"import {{ {names} }} from {_quoted(module)};"
    return f"const {{ {names} }} = require({_quoted(module)});"


def _quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
