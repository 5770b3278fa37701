"""How the databases follow the branches of a Git repository."""

from __future__ import annotations

from dataclasses import dataclass

from snapstore.results.hooks import HookRun
from snapstore.results.restores import Restored


@dataclass(frozen=True)
class BranchState:
    """The state that is kept for a branch, under the tag `name`, since `kept`; `exists` is whether the branch does."""

    branch: str
    name: str
    snapshot: str
    kept: str
    pinned: bool
    exists: bool


@dataclass(frozen=True)
class GitStatus:
    """Whether the hook is installed, at the path `hook`, for the configuration `config` of each worktree.

    `branch` is the one that is checked out, None for a detached HEAD. `holder` is the one that the live databases
    belong to, None where that is not known. `warnings` say what keeps them from following.
    """

    installed: bool
    hook: str
    config: str | None
    branch: str | None
    holder: str | None
    states: tuple[BranchState, ...]
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class GitInstalled:
    """How the hook was installed: `created`, `inserted`, `wrapped`, `renewed` or `unchanged`."""

    hook: str
    how: str
    config: str
    branch: str | None
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class GitUninstalled:
    """How the hook was removed: `removed`, `put-back` where something else was there before us, or `absent`."""

    hook: str
    how: str


@dataclass(frozen=True)
class GitSynced:
    """What was done so that the databases belong to `branch`; nothing where they did, or where it is None.

    They belonged to `before`, None where that was not known. `kept` is the tag that has its state, `snapshot` the
    state itself. `restored` is what brought the state of `branch` back, None where there was none. `hooks` ran around
    it.
    """

    branch: str | None
    before: str | None
    kept: str | None
    snapshot: str | None
    restored: Restored | None
    seconds: float
    warnings: tuple[str, ...] = ()
    hooks: tuple[HookRun, ...] = ()
