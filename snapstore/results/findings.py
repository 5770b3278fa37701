"""What `doctor` found."""

from __future__ import annotations

from dataclasses import dataclass

OK, WARNING, FAILURE = "ok", "warning", "failure"
"""The levels of a finding."""


@dataclass(frozen=True)
class Finding:
    """One check: what was examined, the level, the detail, and a remedy where there is one."""

    check: str
    level: str
    detail: str
    remedy: str = ""


@dataclass(frozen=True)
class Examined:
    """All findings; `ok` where no check failed."""

    ok: bool
    findings: tuple[Finding, ...]
