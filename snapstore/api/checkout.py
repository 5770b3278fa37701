"""What the post-checkout hook of Git does: have the databases follow, where a branch was switched to.

Nothing is done where files were checked out, a rebase or a bisection is under way, HEAD is detached, or a worktree or a
clone was made; nor where this repository has no `snap git install`, or the worktree has no configuration.
"""

from __future__ import annotations

import os
from collections.abc import Callable, MutableMapping
from contextlib import closing
from dataclasses import dataclass

from snapstore.api.approval import check_approved
from snapstore.api.facade import Facade
from snapstore.config.locations import Locations
from snapstore.config.trust import check_found
from snapstore.git.repository import CONFIGURATION, LOCAL_VARIABLES, Repository
from snapstore.progress import SILENT, Progress
from snapstore.results.branches import GitSynced

MOST_SECONDS = 2.0  # of waiting for locks: somebody waits for `git switch`
_BRANCH = "1"


@dataclass(frozen=True)
class Checkout:
    """The arguments of the hook (githooks(5)): commits, in hex, zeros for none, and `1` for a checkout of a branch."""

    previous: str
    current: str
    flag: str


def after_checkout(
    checkout: Checkout,
    environ: MutableMapping[str, str],
    say: Callable[[str], None],
    progress: Progress = SILENT,
) -> GitSynced | None:
    """Follow a checkout in the current folder, the top of a worktree; return None if there was nothing to do.

    The variables that name the repository of the hook leave `environ`: what a restore runs is not a part of the hook.
    Raises what a switch raises, CannotFollow, UntrustedConfiguration.
    """
    if checkout.flag != _BRANCH:
        return None
    repository = Repository(os.getcwd(), dict(environ))
    for name in LOCAL_VARIABLES.intersection(environ):
        del environ[name]
    branch = repository.branch
    followed = repository.setting(CONFIGURATION)
    if not followed or branch is None or repository.is_busy:
        return None
    if not checkout.previous.strip("0") and repository.left_for(branch) is None:
        return None
    path = os.path.join(repository.top, followed)
    if not os.path.isfile(path):
        return None
    check_found(path, environ.get("SUDO_UID", ""))
    locations = Locations(path, environ=environ)
    check_approved(repository, locations.configuration)

    def left() -> str | None:
        """Return the branch that was left, unless it may have had other databases."""
        found = repository.came_from(branch)
        return found if found and repository.is_same(checkout.previous, checkout.current, followed) else None

    timeout = min(MOST_SECONDS, locations.configuration.timeout)
    with closing(Facade(locations, timeout, progress=progress, say=say)) as facade:
        return facade.switch(repository, left, timeout)
