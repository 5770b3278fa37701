"""What a session works on, as the command line found it."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from snapstore.actions.policy import Policy
from snapstore.errors import SnapError
from snapstore.hybrid.policy import SuitePolicy
from snapstore.project import Project
from snapstore.records import Record


class Setting(Record):
    """The places and rules of a session.

    `environment` and `folder` are those of cleanup steps; `switched_off` says that no backup is to be made or brought
    back; `hint_for` says what a user may do about an error.
    """

    project: Project
    store_path: str
    timeout: float
    policy: Policy
    suite_policy: SuitePolicy
    environment: Mapping[str, str]
    folder: str
    switched_off: str
    hint_for: Callable[[SnapError], str | None]
