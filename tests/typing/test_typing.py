"""A user's code that uses the clients and their results passes `mypy --strict`, and a wrong use of them does not."""

from __future__ import annotations

from pathlib import Path

import pytest
from mypy import api

USER = Path(__file__).with_name("user.py")
WRONG = {
    "snap.tag(5)": "arg-type",
    "snap.tag('x', mesage='y')": "call-arg",
    "snap.verify().databases['default'].tabels": "attr-defined",
    "snap.verify().ok = True": "misc",
    "snap.tag('x').databases.clear()": "attr-defined",
    "snap.nothing()": "attr-defined",
    "text: str = snap.query('live', 'SELECT 1').rows[0][0]": "assignment",
}


def strict(path: Path) -> str:
    said, trouble, _ = api.run(["--strict", "--no-incremental", "--config-file=", str(path)])
    assert not trouble
    return said


def test_a_users_file_passes() -> None:
    assert strict(USER).startswith("Success")


@pytest.mark.parametrize("client", ["Snapstore", "Session"])
def test_what_a_user_does_wrong_is_found(tmp_path: Path, client: str) -> None:
    path = tmp_path / "wrong.py"
    path.write_text("\n".join(["import snapstore", f"snap = snapstore.{client}()", *WRONG, ""]))
    said = strict(path).splitlines()
    for number, code in enumerate(WRONG.values(), 3):
        assert any(f":{number}: error:" in line and f"[{code}]" in line for line in said), (number, said)
