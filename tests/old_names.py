"""Names as earlier versions took them: a store may have them still."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest

from snapstore import Snapstore
from snapstore.actions import take
from snapstore.history import refs
from tests.support import ENVIRONMENT

HOSTILE = (
    "a$(touch${IFS}PWNED)",
    "b`touch${IFS}PWNED`",
    "c;touch${IFS}PWNED;",
    "d&&touch${IFS}PWNED",
    "e|tee${IFS}PWNED",
    "f>PWNED",
    "g*",
    "h'quote",
    'i"quote',
    "j\\back",
    "k!history",
    "l~#,",
    "m{x,y}",
    "n?[o]",
)


def tagged(folder: Path, names: Iterable[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Tag the database of a folder as an earlier version would."""
    with monkeypatch.context() as patch:
        for module in (refs, take):
            patch.setattr(module, "check_name", lambda *_, **__: None)
        with Snapstore(db=folder / "db.sqlite3", store=folder / "store", env=ENVIRONMENT) as snap:
            for name in names:
                snap.tag(name)
