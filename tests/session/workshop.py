"""A session's workplace inside the test, for what only it can see."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from snapstore.actions.policy import NOTHING_IGNORED
from snapstore.database.live import LiveDatabases
from snapstore.hybrid.policy import SuitePolicy
from snapstore.patience import Patience
from snapstore.project import Project
from snapstore.session import server  # noqa: F401 - it knows all methods
from snapstore.session.methods import perform
from snapstore.session.protocol import Request
from snapstore.session.setting import Setting
from snapstore.session.tracker import Tracker
from snapstore.session.workplace import Workplace


class Workshop:
    """One database and its store, as a session has them."""

    def __init__(self, path: Path, store: Path) -> None:
        self.path = path
        project = Project.of({"default": path})
        setting = Setting(
            project, str(store), 5.0, NOTHING_IGNORED, SuitePolicy(quiet=0), {}, str(path.parent), "", lambda _: None
        )
        self.at = Workplace(setting)

    def __enter__(self) -> Workshop:
        return self

    def __exit__(self, *_: object) -> None:
        self.at.close()

    def ask(self, method: str, **parameters: Any) -> Any:
        """Have a request done, and what follows it."""
        result = perform(self.at, Request(1, method, parameters))
        self.at.rest()
        return result

    @property
    def tracker(self) -> Tracker:
        return self.at.trackers["default"]

    @tracker.setter
    def tracker(self, tracker: Tracker) -> None:
        self.at.trackers["default"] = tracker

    def said_and_true(self) -> tuple[bytes, bytes]:
        """Return the block ids as the tracker has them, and as they are."""
        with LiveDatabases({"": str(self.path)}, Patience(5)) as live:
            view = live.read()[""]
            return b"".join(view.ids()), b"".join(view.ids_hashed())
