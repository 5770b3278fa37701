"""Check the rules of a configuration against the live databases: each has to match something."""

from __future__ import annotations

from collections.abc import Iterator

from snapstore.compare.ignore_rules import NOTHING_IGNORED, Policy
from snapstore.database.diff import ImageDiff
from snapstore.database.live import LiveDatabases
from snapstore.errors import ConfigurationError, SnapError, UnknownRule
from snapstore.locks import Deadline
from snapstore.project import Project
from snapstore.results.findings import FAILURE, OK, Finding

_LOCK_SECONDS = 1.0


def check_rules(project: Project, policy: Policy, timeout: float) -> None:
    """Check all rules. Raises UnknownRule, ConfigurationError, DatabaseLocked, DatabaseUnusable."""
    if policy._replace(sequences=NOTHING_IGNORED.sequences) == NOTHING_IGNORED:
        return
    with LiveDatabases(project.databases, Deadline(timeout)) as live:
        images = [view.image() for view in live.read().values()]
        policy.check(ImageDiff(image, image, ()) for image in images)


def examine_rules(project: Project, policy: Policy) -> Iterator[Finding]:
    """Yield the finding on the rules, none where a database cannot be read: that is a finding of its own."""
    try:
        check_rules(project, policy, _LOCK_SECONDS)
    except (UnknownRule, ConfigurationError) as error:
        yield Finding("rules", FAILURE, str(error), error.hint or "correct the rule in snapstore.yaml")
    except SnapError:
        return
    else:
        yield Finding("rules", OK, "each matches something in a database")
