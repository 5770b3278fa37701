"""Imports go down only, and a few modules have a single home."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "snapstore"

# From the ground up: a module may import from its own floor's folder and from the floors below, and
# folders on the same floor do not know each other.
FLOORS: tuple[tuple[str, ...], ...] = (
    (
        "records",
        "bare",
        "errors",
        "refusals",
        "ids",
        "blocks",
        "files",
        "holders",
        "mounts",
        "occupancy",
        "parallel",
        "patience",
        "progress",
        "quick_json",
        "timestamps",
        "engine",
    ),
    ("database", "objects"),
    ("history",),
    ("store", "project"),
    ("actions",),
    ("hybrid",),
    ("session",),
    ("integrations",),
    ("demo",),
    ("cli",),
    ("__main__",),
)
HOMES = {
    "sqlean": {"engine.py"},
    "apsw": {"database/image_vfs.py"},
    "sqlite3": {"demo/application.py"},
    "click": {"cli/"},
    "yaml": {"cli/"},
    "platformdirs": {"cli/"},
    "xxhash": {"ids.py"},
    "backports": {"objects/codec.py"},
    "compression": {"objects/codec.py"},
    "hashlib": {"objects/pack.py"},
}


def modules() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def imported(path: Path) -> Iterator[str]:
    """Yield the modules that a file imports, inside functions and for type checking too."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            assert node.module
            yield from (f"{node.module}.{name.name}" for name in node.names)
        elif isinstance(node, ast.Call) and getattr(node.func, "id", "") == "c_module":
            yield ".".join(ast.literal_eval(argument) for argument in node.args)


def part_of(module: str) -> str | None:
    """Return the folder or file right below the package, None for the package itself and for others."""
    parts = module.split(".")
    found = parts[1] if parts[0] == "snapstore" and len(parts) > 1 else None
    return None if found == "__version__" else found


def floor_of(part: str) -> int:
    return next(number for number, parts in enumerate(FLOORS) if part in parts)


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_go_down_only(path: Path) -> None:
    own = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    if own == "__init__":  # the client is a public name, imported when it is asked for
        assert {part_of(module) for module in imported(path)} <= {None, "session"}
        return
    for module in imported(path):
        part = part_of(module)
        if part is None or part == own:
            continue
        same_folder_of_files = floor_of(part) == floor_of(own) and floor_of(own) in (0, 3)
        assert floor_of(part) < floor_of(own) or same_folder_of_files, f"{own} imports {module}"


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_libraries_have_one_home(path: Path) -> None:
    place = path.relative_to(PACKAGE).as_posix()
    for module in imported(path):
        homes = HOMES.get(module.split(".")[0])
        assert homes is None or any(place.startswith(home) for home in homes), f"{place} imports {module}"


def test_only_the_command_line_reads_the_environment_or_prints() -> None:
    for path in modules():
        place = path.relative_to(PACKAGE).as_posix()
        if place.startswith(("cli/", "integrations/pytest_", "demo/application.py")):  # in the process of a test runner
            continue
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                assert (node.value.id, node.attr) not in {("os", "environ"), ("os", "getenv"), ("sys", "argv")}, place
                assert (node.value.id, node.attr) not in {("sys", "stdout"), ("sys", "stderr")}, place
            assert not (isinstance(node, ast.Call) and getattr(node.func, "id", "") == "print"), place


def test_every_module_says_what_it_owns() -> None:
    for path in modules():
        assert ast.get_docstring(ast.parse(path.read_text("utf-8"))), path


def test_the_check_itself_sees_a_wrong_import(tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.py"
    wrong.write_text("def f():\n    from snapstore.cli import main\n")
    assert [part_of(module) for module in imported(wrong)] == ["cli"]
    assert floor_of("cli") > floor_of("database")
