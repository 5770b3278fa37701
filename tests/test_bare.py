"""The C module of a package is loaded without the package, and is the one the package has."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from snapstore.bare import c_module
from tests.support import ENVIRONMENT, make_database

_START = """
import sys
from snapstore.bare import c_module
module = c_module(*sys.argv[1:3])
assert sys.argv[1] not in sys.modules
package = __import__(sys.argv[1], fromlist=["x"])
assert getattr(package, sys.argv[3]) is getattr(module, sys.argv[3])
"""


@pytest.mark.parametrize(
    ("package", "name", "member"),
    [
        ("sqlean", "_sqlite3", "Connection"),
        pytest.param(
            "backports.zstd",
            "_zstd",
            "ZstdDecompressor",
            marks=pytest.mark.skipif(sys.version_info >= (3, 14), reason="the standard library has it"),
        ),
    ],
)
def test_a_package_loaded_later_has_the_same_module(package: str, name: str, member: str) -> None:
    subprocess.run([sys.executable, "-c", _START, package, name, member], check=True, timeout=60)


@pytest.mark.parametrize("name", ["inside", "missing"])
def test_without_a_c_module_it_is_the_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    package = f"package_with_{name}"
    (tmp_path / package).mkdir()
    (tmp_path / package / "__init__.py").write_text("ran = True")
    (tmp_path / package / "inside.py").write_text("")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert c_module(package, name).ran


def test_a_package_that_is_not_there_is_an_import_error() -> None:
    with pytest.raises(ImportError, match="no_such_package"):
        c_module("no_such_package", "inside")


@pytest.mark.parametrize(
    ("package", "name"), [("sqlean", "_sqlite3"), ("xxhash", "_xxhash"), ("backports.zstd", "_zstd")]
)
def test_snapstore_does_with_the_packages_too(package: str, name: str, tmp_path: Path) -> None:
    """A release of a library may give its C module another name."""
    if package == "backports.zstd" and sys.version_info >= (3, 14):
        pytest.skip("the standard library has it")
    code = (
        "import sys, snapstore.bare as bare\n"
        "spec = bare._spec\n"
        f"bare._spec = lambda full: None if full == {package + '.' + name!r} else spec(full)\n"
        "from snapstore.cli.main import main\n"
        "main(sys.argv[1:])\n"
    )
    database = make_database(tmp_path / "db.sqlite3")
    for command in (["tag", "baseline"], ["verify", "baseline"]):
        arguments = ["--db", str(database), "--store", str(tmp_path / "store"), *command]
        subprocess.run([sys.executable, "-c", code, *arguments], check=True, timeout=60, env=ENVIRONMENT)
