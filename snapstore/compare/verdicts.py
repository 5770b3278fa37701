"""Verdicts: what a comparison of the live databases with a snapshot comes to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from snapstore.compare.ignore_rules import Policy
    from snapstore.results.verdicts import VerifiedDatabase

CLEAN, DRIFTED, LEAKED, DAMAGED, SCHEMA_CHANGED = VERDICTS = ("clean", "drifted", "leaked", "damaged", "schema-changed")
"""From the best to the worst."""


def worst(judged: Mapping[str, VerifiedDatabase]) -> str:
    """Return the worst verdict on some databases, clean for none."""
    return max((one.verdict for one in judged.values()), key=VERDICTS.index, default=CLEAN)


def passes(judged: Mapping[str, VerifiedDatabase], policy: Policy, *, strict: bool = False) -> bool:
    """Tell whether verdicts are good enough: the rows are equal, and nothing moved that the policy lets fail."""
    verdict = worst(judged)
    fails = policy.sequences == "fail" and any(one.drift.sequences for one in judged.values())
    return verdict == CLEAN or (verdict == DRIFTED and not strict and not fails)
