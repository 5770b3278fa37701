"""A Git repository, as its worktree at one folder sees it: branches, reflogs, settings, what is under way.

Git is asked through its plumbing. The names of branches are text in which bytes that are not UTF-8 are surrogates.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterable, Mapping
from contextlib import suppress
from functools import cached_property

from snapstore.errors import GitUnusable

SECTION = "snapstore"  # of the repository's own configuration
CONFIGURATION, SINCE, ALLOWED, MADE = "configuration", "since", "allowed", "madefolder"
"""Settings in it: which file of a worktree to follow, since when, what that may run, the folder of hooks we made."""
# What `git rev-parse --local-env-vars` prints: in a hook they name the repository of the hook, whatever the folder.
LOCAL_VARIABLES = frozenset(
    {
        "GIT_ALTERNATE_OBJECT_DIRECTORIES",
        "GIT_CONFIG",
        "GIT_CONFIG_PARAMETERS",
        "GIT_CONFIG_COUNT",
        "GIT_OBJECT_DIRECTORY",
        "GIT_DIR",
        "GIT_WORK_TREE",
        "GIT_IMPLICIT_WORK_TREE",
        "GIT_GRAFT_FILE",
        "GIT_INDEX_FILE",
        "GIT_NO_REPLACE_OBJECTS",
        "GIT_REPLACE_REF_BASE",
        "GIT_PREFIX",
        "GIT_SHALLOW_FILE",
        "GIT_COMMON_DIR",
    }
)
_HEADS = "refs/heads/"
_UNDER_WAY = ("rebase-merge", "rebase-apply", "BISECT_LOG", "BISECT_START")
_MOVING, _TO, _RENAMED = "checkout: moving from ", " to ", "Branch: renamed "
_SYMBOLIC, _ELSEWHERE = "ref: ", ".invalid"  # what HEAD says where Git keeps its refs in another way (reftable)
_NO_COMMIT = b"0" * 40
_LINE_BYTES, _TAIL_BYTES = 4096, 1 << 16  # of a line of a reflog; of its end
_NONE, _PATHSPECS_AS_THEY_ARE = 1, "--literal-pathspecs"


class Repository:
    """The repository whose worktree has `folder`; `environ` are the environment variables for Git."""

    def __init__(self, folder: str, environ: Mapping[str, str]) -> None:
        """Find it. Raises GitUnusable."""
        self._folder = folder
        self._environ = {**environ, "LC_ALL": "C", "GIT_OPTIONAL_LOCKS": "0"}
        options = ("--show-toplevel", "--absolute-git-dir", "--git-common-dir")
        lines = self._text("rev-parse", *options).splitlines()
        if len(lines) != len(options):
            raise GitUnusable(folder, "its path has a line break")
        self.top, self._git_folder, common = lines
        self._common_folder = os.path.join(folder, common)
        self._settings: dict[str, list[str]] | None = None

    @classmethod
    def outside_hooks(cls, folder: str, environ: Mapping[str, str]) -> Repository:
        """Find the repository of a folder, whatever the hook of another one left in the environment."""
        return cls(folder, {name: value for name, value in environ.items() if name not in LOCAL_VARIABLES})

    @cached_property
    def branch(self) -> str | None:
        """The branch that was checked out at the first look, which may have no commit; None for a detached HEAD."""
        return self.branch_now()

    def branch_now(self) -> str | None:
        """Return the branch that is checked out."""
        path = os.path.join(self._git_folder, "HEAD")
        with suppress(OSError):
            if not os.path.islink(path):
                with open(path, "rb") as file:
                    text = file.read(_LINE_BYTES).decode("utf-8", "surrogateescape").removesuffix("\n")
                if text.startswith(_SYMBOLIC + _HEADS) and text != _SYMBOLIC + _HEADS + _ELSEWHERE:
                    return text.removeprefix(_SYMBOLIC + _HEADS)
        ref = self._text("symbolic-ref", "-q", "HEAD", none=_NONE).strip("\n")
        return ref.removeprefix(_HEADS) if ref.startswith(_HEADS) else None

    @property
    def is_busy(self) -> bool:
        """Whether a rebase, or a bisection, is under way in this worktree."""
        return any(os.path.exists(os.path.join(self._git_folder, name)) for name in _UNDER_WAY)

    def branches(self) -> set[str]:
        """Return all branches, also those without a commit that some worktree has checked out."""
        refs = self._text("for-each-ref", "--format=%(refname)", _HEADS).splitlines()
        held = (line.removeprefix("branch ") for line in self._text("worktree", "list", "--porcelain").splitlines())
        return {ref.removeprefix(_HEADS) for ref in (*refs, *held) if ref.startswith(_HEADS)}

    def has(self, branch: str) -> bool:
        """Return whether there is a branch, with a commit."""
        if os.path.isfile(os.path.join(os.fsencode(self._common_folder), _encoded(_HEADS + branch))):
            return True  # most are files of their own, and to look is quicker than to ask
        return self._is("show-ref", "--verify", "--quiet", _HEADS + branch)

    def left_for(self, branch: str) -> str | None:
        """Return the branch or the commit that the last move of HEAD left, if that was a checkout of `branch`."""
        text = self._last_move
        if not (text.startswith(_MOVING) and text.endswith(_TO + branch)):
            return None
        return text.removeprefix(_MOVING).removesuffix(_TO + branch)

    def came_from(self, branch: str) -> str | None:
        """Return the branch that the last checkout left for `branch`; None where it was no branch, or is none now."""
        left = self.left_for(branch)
        return left if left and left != branch and self.has(left) else None

    @cached_property
    def _last_move(self) -> str:
        """The last line of HEAD's reflog, without what comes before its message."""
        try:
            with open(os.path.join(self._git_folder, "logs", "HEAD"), "rb") as file:
                file.seek(-min(_TAIL_BYTES, os.fstat(file.fileno()).st_size), os.SEEK_END)
                line = file.read().removesuffix(b"\n").rpartition(b"\n")[2]
            return line.partition(b"\t")[2].decode("utf-8", "surrogateescape")
        except OSError:  # Git keeps it in another way, or there is none
            return self._text("log", "-g", "-1", "--format=%gs", "HEAD", "--", none=None).strip("\n")

    def renamed(self) -> dict[str, str]:
        """Return the branches that were renamed, with the name that each got last."""
        text = self._text("log", "-g", "--all", f"--grep-reflog=^{_RENAMED}", "--format=%gs", "--", none=None)
        found: dict[str, str] = {}
        for line in text.splitlines():  # the newest of each reflog first
            words = line.removeprefix(_RENAMED).split(_TO)
            if len(words) == 2 and all(word.startswith(_HEADS) for word in words):  # noqa: PLR2004 - from and to
                found.setdefault(words[0].removeprefix(_HEADS), words[1].removeprefix(_HEADS))
        return found

    def created(self, branch: str) -> int | None:
        """Return when a branch was created, in seconds since 1970; None where its reflog does not say."""
        path = os.path.join(os.fsencode(self._common_folder), b"logs", _encoded(_HEADS + branch))
        try:
            with open(path, "rb") as file:
                before, _, who = file.readline(_LINE_BYTES).partition(b"\t")[0].partition(b" ")
            return int(who.split()[-2]) if before.startswith(_NO_COMMIT) else None
        except (OSError, ValueError, IndexError):
            return None

    def tracked(self, paths: Iterable[str]) -> list[str]:
        """Return those of some paths that Git itself keeps in this worktree, relative to its top."""
        within = [os.path.relpath(path, self.top) for path in paths if is_within(path, self.top)]
        if not within:
            return []
        text = self._text(_PATHSPECS_AS_THEY_ARE, "ls-files", "-z", "--full-name", "--", *within, at_top=True)
        return [path for path in text.split("\0") if path]

    def is_same(self, one: str, other: str, path: str) -> bool:
        """Return whether two commits have the same file at a path."""
        command = (_PATHSPECS_AS_THEY_ARE, "diff", "--quiet", one, other, "--", path)
        return self._run(command, at_top=True).returncode == 0

    @cached_property
    def hooks_folder(self) -> str:
        """The folder of the hooks, which need not exist."""
        return os.path.join(self.top, self._text("rev-parse", "--git-path", "hooks", at_top=True).removesuffix("\n"))

    @property
    def own_hooks_folder(self) -> str:
        """The folder of the hooks where no setting names another one."""
        return os.path.join(self._common_folder, "hooks")

    def settings(self) -> dict[str, list[str]]:
        """Return the repository's settings for snapstore: their values by name, in lower case."""
        if self._settings is None:
            self._settings = {}
            text = self._text("config", "--local", "-z", "--get-regexp", rf"^{SECTION}\.", none=_NONE)
            for one in filter(None, text.split("\0")):
                key, _, value = one.partition("\n")
                self._settings.setdefault(key.removeprefix(f"{SECTION}."), []).append(value)
        return self._settings

    def setting(self, name: str) -> str | None:
        """Return a setting that has one value."""
        return next(iter(self.settings().get(name, ())), None)

    def owns(self, path: str) -> bool:
        """Return whether a path lies in the repository's own folder or among the files that are checked out."""
        return is_within(path, self.top) or is_within(path, self._common_folder)

    def is_in_worktree(self, path: str) -> bool:
        """Return whether a path lies among the files that are checked out."""
        return is_within(path, self.top) and not is_within(path, self._common_folder)

    def set(self, name: str, value: str) -> None:
        """Set a setting. Raises GitUnusable."""
        self._text("config", "--local", "--replace-all", f"{SECTION}.{name}", value)
        self._settings = None

    def add(self, name: str, value: str) -> None:
        """Add a value to a setting. Raises GitUnusable."""
        self._text("config", "--local", "--add", f"{SECTION}.{name}", value)
        self._settings = None

    def unset_all(self) -> None:
        """Remove all settings for snapstore."""
        self._text("config", "--local", "--remove-section", SECTION, none=None)
        self._settings = None

    def _is(self, *command: str) -> bool:
        return self._run(command).returncode == 0

    def _text(self, *command: str, none: int | None = 0, at_top: bool = False) -> str:
        """Return what Git prints; nothing where it exits with `none`, or with None for any failure."""
        done = self._run(command, at_top=at_top)
        if done.returncode == 0:
            return done.stdout.decode("utf-8", "surrogateescape")
        if none is None or done.returncode == none:
            return ""
        lines = done.stderr.decode("utf-8", "replace").strip().splitlines()
        raise GitUnusable(self._folder, lines[0].removeprefix("fatal: ") if lines else f"it exits {done.returncode}")

    def _run(self, command: Iterable[str], *, at_top: bool = False) -> subprocess.CompletedProcess[bytes]:
        words = [_encoded(word) for word in command]
        folder = self.top if at_top else self._folder
        try:
            return subprocess.run(
                [b"git", *words],
                cwd=folder,
                env=self._environ,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                check=False,
            )
        except OSError as error:
            raise GitUnusable(self._folder, f"'git' cannot be run: {(error.strerror or str(error)).lower()}") from error


def is_within(path: str, folder: str) -> bool:
    """Return whether a path lies in a folder, wherever links lead."""
    return os.path.join(os.path.realpath(path), "").startswith(os.path.join(os.path.realpath(folder), ""))


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")
