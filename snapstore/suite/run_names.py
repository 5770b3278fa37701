"""What a run of a suite is called on a remote: `failed/checkout-pays-twice@run-4711` is from one run of many."""

from __future__ import annotations

from collections.abc import Mapping

from snapstore.history.slugs import slug
from snapstore.results.commands import BEGAN
from snapstore.timestamps import now

RUN = "SNAPSTORE_RUN"
"""The variable that has the name for what a suite starts, and that a user may set."""
_VARIABLES = (RUN, "GITHUB_RUN_ID", "CI_PIPELINE_ID", "BUILDKITE_BUILD_NUMBER", "CIRCLE_BUILD_NUM", "BUILD_NUMBER")
_ATTEMPT = "GITHUB_RUN_ATTEMPT"  # a run that is started again has the number of the first one
_MOST = 40  # characters


def began_name(name: str) -> str:
    """Return the name on the remote of what the test of a state began with."""
    return name + BEGAN


def run_name(environ: Mapping[str, str], run: str | None) -> str:
    """Return what a run is called: by its CI service, by its test runner, or by the time."""
    found = next(filter(None, (environ.get(name) for name in _VARIABLES)), None)
    if found and not environ.get(RUN) and environ.get(_ATTEMPT, "1") != "1":
        found = f"{found}-{environ[_ATTEMPT]}"
    words = slug(found or run or now()[:19])[-_MOST:].strip("-") or slug(now()[:19])
    return words if words.startswith("run-") else f"run-{words}"
