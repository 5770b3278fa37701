"""Imports go down only, and a few modules have a single home."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "snapstore"

# From the ground up: a module may import from its own floor's folder and from the floors below, and
# folders on the same floor do not know each other.
FLOORS: tuple[tuple[str, ...], ...] = (
    (
        "errors",
        "access",
        "acl",
        "creating",
        "ids",
        "blocks",
        "files",
        "leftovers",
        "regular",
        "signals",
        "locks",
        "record_locks",
        "processes",
        "parent_death",
        "shell",
        "mounts",
        "progress",
        "threads",
        "early_sync",
        "spans",
        "timestamps",
        "engine",
    ),
    ("results",),
    ("hooks",),
    ("database", "objects", "git", "trees"),
    ("history",),
    ("layout",),
    ("store", "project", "audience"),
    ("remotes",),
    ("compare",),
    ("actions",),
    ("suite",),
    ("config",),
    ("discovery",),
    ("api",),
    ("session",),
    ("integrations",),
    ("demo",),
    ("cli",),
    ("start",),
    ("__main__",),
)
HOMES = {
    "sqlean": {"engine.py"},
    "apsw": {"database/image_vfs.py", "database/condition.py"},
    "sqlite3": {"demo/application.py"},
    "click": {"cli/"},
    "jinja2": {"cli/page.py"},
    "markupsafe": {"cli/page.py"},
    "yaml": {"config/reader.py", "discovery/frameworks.py"},
    "platformdirs": {"config/locations.py"},
    "xxhash": {"ids.py"},
    "backports": {"objects/codec.py"},
    "compression": {"objects/codec.py"},
    "hashlib": {"objects/pack.py", "database/long_values.py", "remotes/digest.py"},
    "obstore": {"remotes/clients.py"},
    "boto3": {"remotes/credentials.py"},
    "botocore": {"remotes/credentials.py"},
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


def name_of(path: Path) -> str:
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def run_time_nodes(node: ast.AST) -> Iterator[ast.AST]:
    """Yield a node and what is below it, but for what only type checkers see."""
    yield node
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and getattr(child.test, "id", "") == "TYPE_CHECKING":
            for other in child.orelse:
                yield from run_time_nodes(other)
        else:
            yield from run_time_nodes(child)


def import_graph(sources: dict[str, str]) -> dict[str, set[str]]:
    """Return for each module the others that it imports when it is loaded or run."""
    graph: dict[str, set[str]] = {}
    for name, source in sources.items():
        found = graph.setdefault(name, set())
        for node in run_time_nodes(ast.parse(source)):
            if isinstance(node, ast.Import):
                found.update(one.name for one in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module:
                full = (f"{node.module}.{one.name}" for one in node.names)
                found.update(one if one in sources else node.module for one in full)
        found &= sources.keys() - {name}
    return graph


def cycle_in(graph: dict[str, set[str]]) -> list[str]:
    """Return modules that import one another in a circle, nothing if there are none."""
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


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
    if own == "__init__":  # the clients are public names, imported when they are asked for
        assert {part_of(module) for module in imported(path)} <= {None, "session", "api"}
        return
    for module in imported(path):
        part = part_of(module)
        if part is None or part == own:
            continue
        is_beside = floor_of(part) == floor_of(own) and floor_of(own) in (floor_of("errors"), floor_of("store"))
        assert floor_of(part) < floor_of(own) or is_beside, f"{own} imports {module}"


def test_no_modules_import_one_another_in_a_circle() -> None:
    assert cycle_in(import_graph({name_of(path): path.read_text("utf-8") for path in modules()})) == []


def test_the_check_itself_sees_a_circle() -> None:
    sources = {
        "a": "from b import f",
        "b": "def f():\n    if True:\n        import c.d",
        "c.d": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import a",
    }
    assert cycle_in(import_graph(sources)) == []
    assert set(cycle_in(import_graph({**sources, "c.d": "import a"}))) == {"a", "b", "c.d"}


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_libraries_have_one_home(path: Path) -> None:
    place = path.relative_to(PACKAGE).as_posix()
    for module in imported(path):
        homes = HOMES.get(module.split(".")[0])
        assert homes is None or any(place.startswith(home) for home in homes), f"{place} imports {module}"


def test_results_import_nothing_but_the_standard_library() -> None:
    for path in (PACKAGE / "results").glob("*.py"):
        for module in imported(path):
            top = module.split(".")[0]
            assert top in sys.stdlib_module_names or module.startswith("snapstore.results."), f"{path} imports {module}"


def test_only_the_command_line_reads_the_environment_or_prints() -> None:
    for path in modules():
        place = path.relative_to(PACKAGE).as_posix()
        if place.startswith(("cli/", "integrations/pytest_", "demo/application.py")):  # in the process of a test runner
            continue
        if place == "start.py":  # an interrupt before the command line is there
            continue
        if place == "config/locations.py":  # which the command line and the Python façade share
            continue
        if place == "remotes/credentials.py":  # obstore reads it, too, and cannot be kept from it
            continue
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                assert (node.value.id, node.attr) not in {("os", "environ"), ("os", "getenv"), ("sys", "argv")}, place
                assert (node.value.id, node.attr) not in {("sys", "stdout"), ("sys", "stderr")}, place
            assert not (isinstance(node, ast.Call) and getattr(node.func, "id", "") == "print"), place


WRITERS = {"echo", "secho", "style", "confirm", "prompt", "progressbar", "pause", "echo_via_pager", "unstyle"}
"""What click has for the terminal; all of it is used in streams.py and paint.py alone."""


def writing_calls(source: str) -> Iterator[str]:
    """Yield what a module does with the standard streams, other than asking for their descriptors."""
    tree = ast.parse(source)
    descriptors = {
        node.func.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "fileno"
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            name = f"{node.value.id}.{node.attr}"
            is_stream = name in {"sys.stdout", "sys.stderr", "sys.__stdout__", "sys.__stderr__"}
            if (is_stream and node not in descriptors) or (node.value.id == "click" and node.attr in WRITERS):
                yield name
            if node.value.id == "traceback" and node.attr.startswith("print"):
                yield name
        elif isinstance(node, ast.Call) and getattr(node.func, "id", "") == "print":
            yield "print"


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_one_module_writes_to_the_standard_streams(path: Path) -> None:
    if path.relative_to(PACKAGE).as_posix() not in {"cli/streams.py", "demo/application.py", "start.py"}:
        assert list(writing_calls(path.read_text("utf-8"))) == []


def test_the_check_itself_sees_what_writes() -> None:
    source = "print(1)\nclick.echo(1)\nsys.stderr.write(1)\nf(sys.stdout)\nsys.stdout.fileno()\ntraceback.print_exc()"
    assert sorted(writing_calls(source)) == ["click.echo", "print", "sys.stderr", "sys.stdout", "traceback.print_exc"]


SAYING = {"fail", "exit", "UsageError", "write_line", "write", "line", "section", "warn_explicit"}
"""What the pytest plugin hands text to pytest with."""


def test_the_pytest_plugin_escapes_all_it_says() -> None:
    seen = 0
    for path in (PACKAGE / "integrations").glob("pytest_*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if not isinstance(node, ast.Call) or not node.args:
                continue
            called = getattr(node.func, "attr", None) or getattr(node.func, "id", "")
            owner = getattr(getattr(node.func, "value", None), "id", "")
            if called in SAYING and owner in {"pytest", "terminalreporter", "warnings", ""}:
                seen += 1
                assert getattr(getattr(node.args[0], "func", None), "id", "") == "told", f"{path}:{node.lineno}"
    assert seen >= 8


def test_one_module_of_the_kit_writes_to_the_console() -> None:
    for path in (PACKAGE / "integrations" / "playwright" / "kit").glob("*js"):
        text = path.read_text("utf-8")
        has_output = any(word in text for word in ("console.log", "console.warn", "console.err", "process.std"))
        assert has_output == (path.name == "console.cjs"), path


def test_every_module_says_what_it_owns() -> None:
    for path in modules():
        assert ast.get_docstring(ast.parse(path.read_text("utf-8"))), path


def test_the_check_itself_sees_a_wrong_import(tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.py"
    wrong.write_text("def f():\n    from snapstore.cli import main\n")
    assert [part_of(module) for module in imported(wrong)] == ["cli"]
    assert floor_of("cli") > floor_of("database")
