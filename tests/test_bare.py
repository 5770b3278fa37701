"""The C module of a package is loaded without the package, and is the one the package has."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from snapstore.bare import c_module

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


def test_a_module_of_python_is_imported_with_its_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a_package").mkdir()
    (tmp_path / "a_package" / "__init__.py").write_text("ran = True")
    (tmp_path / "a_package" / "inside.py").write_text("from a_package import ran")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert c_module("a_package", "inside").ran


@pytest.mark.parametrize(("package", "name"), [("no_such_package", "inside"), ("json", "no_such_module")])
def test_what_is_not_there_is_an_import_error(package: str, name: str) -> None:
    with pytest.raises(ImportError, match=r"no_such_"):
        c_module(package, name)
