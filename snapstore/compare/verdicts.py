"""Verdicts: what a comparison of the live databases with a snapshot comes to."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from snapstore.compare.ignore_rules import Policy
    from snapstore.results.files import VerifiedFiles
    from snapstore.results.verdicts import VerifiedDatabase

CLEAN, DRIFTED, LEAKED, DAMAGED, SCHEMA_CHANGED = VERDICTS = ("clean", "drifted", "leaked", "damaged", "schema-changed")
"""From the best to the worst."""


NO_FILES: Mapping[str, VerifiedFiles] = MappingProxyType({})


def worst(judged: Mapping[str, VerifiedDatabase], files: Mapping[str, VerifiedFiles] = NO_FILES) -> str:
    """Return the worst verdict on some databases, and the files beside them, clean for none."""
    verdicts = [*(one.verdict for one in judged.values()), *(one.verdict for one in files.values())]
    return max(verdicts, key=VERDICTS.index, default=CLEAN)


def passes(
    judged: Mapping[str, VerifiedDatabase],
    policy: Policy,
    files: Mapping[str, VerifiedFiles] = NO_FILES,
    *,
    strict: bool = False,
) -> bool:
    """Tell whether verdicts are good enough: rows and files are equal, and nothing moved that the policy lets fail."""
    verdict = worst(judged, files)
    fails = policy.sequences == "fail" and any(one.drift.sequences for one in judged.values())
    return verdict == CLEAN or (verdict == DRIFTED and not strict and not fails)
