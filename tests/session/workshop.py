"""A session's façade inside the test, for what only it can see."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from snapstore.config.locations import Locations
from snapstore.database.live import LiveDatabases
from snapstore.locks import Deadline
from snapstore.session.facade import SessionFacade
from snapstore.session.methods import perform
from snapstore.session.protocol import Request
from snapstore.session.tracker import Tracker
from tests.support import ENVIRONMENT


class Workshop:
    """One database and its store, as a session has them."""

    def __init__(self, path: Path, store: Path) -> None:
        self.path = path
        self.at = SessionFacade(Locations(db=str(path), store=str(store), environ=ENVIRONMENT))

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
        with LiveDatabases({"": str(self.path)}, Deadline(5)) as live:
            view = live.read()[""]
            return b"".join(view.ids()), b"".join(view.ids_hashed())
