"""Installing the hook beside whatever is there, and removing it so that exactly that is left."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from snapstore import files
from snapstore.errors import CannotFollow, GitUnusable
from snapstore.git.hook_file import HookFile
from snapstore.results.findings import OK, WARNING
from tests.git.worktree import Worktree
from tests.support import raised

SHELL = b'#!/bin/sh\nset -eu\necho "theirs $0 $*" >>ran\nexit 0\n'
PYTHON = b"#!/usr/bin/env python3\nimport sys\nopen('ran', 'a').write(' '.join(['theirs', *sys.argv]) + '\\n')\n"
HUSKY_9 = b'#!/usr/bin/env sh\n. "$(dirname "$0")/h"'
HUSKY_9_H = b"""#!/usr/bin/env sh
n=$(basename "$0")
s=$(dirname "$(dirname "$0")")/$n
[ ! -f "$s" ] && exit 0
sh -e "$s" "$@"
exit $?
"""
_OF_GIT = (".git/logs", ".git/objects", ".git/packed-refs")  # what a branch that came and went leaves


def put(path: Path, content: bytes, mode: int = 0o755) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    path.chmod(mode)
    return path


def picture(folder: Path) -> dict[str, tuple[int, bytes | str]]:
    """Return every file below a folder with its mode and what it holds, every link with what it says."""
    return {
        os.fspath(path.relative_to(folder)): (
            stat.S_IMODE(path.lstat().st_mode),
            os.readlink(path) if path.is_symlink() else path.read_bytes() if path.is_file() else "folder",
        )
        for path in folder.rglob("*")
        if ".snap" not in path.parts and path.name != "index"
    }


def follows(worktree: Worktree, name: str) -> str:
    """Switch to a new branch and demand that the database followed; return what was written by the other hook."""
    ran = worktree.folder / "ran"
    ran.unlink(missing_ok=True)
    worktree.git("switch", "-q", "-c", name)
    assert worktree.holder == name
    return ran.read_text() if ran.exists() else ""


def goes_without_a_trace(worktree: Worktree, name: str, *, runs: bool = True) -> None:
    """Install beside the hook that is there, see both run, and remove ours."""
    before = picture(worktree.folder)
    worktree.install()
    assert ("theirs" in follows(worktree, name)) == runs
    worktree.git("switch", "-q", "main")
    worktree.git("branch", "-q", "-D", name)
    (worktree.folder / "ran").unlink(missing_ok=True)
    with worktree.open() as snap:
        snap.git_uninstall()
        snap.git_uninstall()  # a second time does nothing
    after = picture(worktree.folder)
    changed = {path for path in before.keys() | after.keys() if before.get(path) != after.get(path)}
    assert {path for path in changed if not path.startswith(_OF_GIT)} == set()


@pytest.mark.parametrize("content", [SHELL, PYTHON], ids=["shell", "python"])
def test_another_hook_runs_as_well(plain: Worktree, content: bytes) -> None:
    put(plain.hook, content)
    goes_without_a_trace(plain, "feat")


def test_another_hook_keeps_its_name_and_its_exit_code(plain: Worktree) -> None:
    put(plain.hook, SHELL.replace(b"exit 0", b"exit 3"))
    plain.install()
    plain.git("switch", "-q", "-c", "feat", code=1)  # git-checkout(1) has no other way to say so
    assert (plain.folder / "ran").read_text().startswith("theirs .git/hooks/post-checkout ")
    assert plain.holder == "feat"
    put(plain.hook, PYTHON)
    plain.install()
    assert "/post-checkout " in follows(plain, "other")


def test_nothing_is_left_where_nothing_was(plain: Worktree) -> None:
    for path in plain.hook.parent.iterdir():
        path.unlink()
    plain.hook.parent.rmdir()
    goes_without_a_trace(plain, "feat", runs=False)


def test_a_link_stays_one(plain: Worktree) -> None:
    put(plain.folder / "scripts" / "hook", SHELL)
    plain.commit("scripts")
    plain.hook.symlink_to("../../scripts/hook")
    goes_without_a_trace(plain, "feat")


def test_a_hook_that_git_does_not_run_is_not_woken_up(plain: Worktree) -> None:
    put(plain.hook, SHELL, 0o644)
    goes_without_a_trace(plain, "feat", runs=False)


def test_a_folder_of_hooks_elsewhere(plain: Worktree) -> None:
    put(plain.folder / "tools" / "hooks" / "post-checkout", SHELL)
    plain.commit("hooks")
    plain.git("config", "core.hooksPath", "tools/hooks")
    before = picture(plain.folder)
    plain.git("config", "core.hooksPath", os.fspath(plain.home / "shared"))
    goes_without_a_trace(plain, "feat", runs=False)
    assert not (plain.home / "shared").exists()
    plain.git("config", "core.hooksPath", "tools/hooks")
    assert picture(plain.folder).keys() >= before.keys()
    plain.install()
    assert "theirs tools/hooks/post-checkout" in follows(plain, "other")


def test_a_folder_of_hooks_that_came_later(plain: Worktree) -> None:
    put(plain.hook, SHELL)
    plain.install()
    plain.git("config", "core.hooksPath", "tools")
    with plain.open() as snap:
        assert not snap.git_status().installed
        assert snap.git_uninstall().how == "put-back"
    assert plain.hook.read_bytes() == SHELL


def test_husky_that_finds_its_scripts_by_the_path_of_the_hook(plain: Worktree) -> None:
    put(plain.folder / ".husky" / "post-checkout", b'echo "theirs $*" >>ran\n')
    put(plain.folder / ".husky" / "_" / "h", HUSKY_9_H, 0o644)
    put(plain.folder / ".husky" / "_" / "post-checkout", HUSKY_9)
    put(plain.folder / ".husky" / "_" / ".gitignore", b"*")
    plain.commit("husky")
    plain.git("config", "core.hooksPath", ".husky/_")
    goes_without_a_trace(plain, "feat")


def test_an_install_again_renews_its_lines(plain: Worktree) -> None:
    put(plain.hook, SHELL)
    with plain.open() as snap:
        assert snap.git_install().how == "inserted"
        installed = plain.hook.read_bytes()
        assert snap.git_install().how == "unchanged"
        plain.hook.write_bytes(installed.replace(os.fsencode(sys.executable), b"/gone/python"))
        assert snap.git_install().how == "renewed"
        assert plain.hook.read_bytes() == installed
        plain.hook.write_bytes(installed + b"# added later\n")
        assert snap.git_uninstall().how == "put-back"
    assert plain.hook.read_bytes() == SHELL + b"# added later\n"


def test_where_it_cannot_be_installed(plain: Worktree, tmp_path: Path) -> None:
    plain.git("add", "-f", "app.db")
    with plain.open() as snap:
        assert "app.db" in str(raised(CannotFollow, 14, snap.git_install))
    plain.git("rm", "-q", "--cached", "app.db")
    (plain.folder / "snapstore.yaml").rename(tmp_path / "snapstore.yaml")
    outside = Worktree(tmp_path / "bare")
    outside.folder.mkdir()
    for worktree, error in ((plain, GitUnusable), (outside, GitUnusable)):
        with worktree.open() as snap:
            raised(error, 14, snap.git_install)
    assert not plain.hook.exists()
    (plain.folder / "snapstore.yaml").write_text("database: app.db\n")
    plain.environment["PATH"] = os.fspath(tmp_path)
    with plain.open() as snap:
        assert "'git' cannot be run" in str(raised(GitUnusable, 14, snap.git_install))


class Killed(BaseException):
    """A process that ends here."""


@pytest.mark.parametrize("again", [HookFile.install, HookFile.uninstall])
@pytest.mark.parametrize("step", ["hook-kept", "hook-written", "hook-renamed"])
@pytest.mark.parametrize("is_link", [True, False])
def test_an_install_that_is_killed_loses_no_hook(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str, again: Callable[[HookFile], str], *, is_link: bool
) -> None:
    theirs, hook = put(tmp_path / "tool" / "hook", PYTHON), tmp_path / "hooks" / "post-checkout"
    hook.parent.mkdir()
    hook.symlink_to(theirs) if is_link else put(hook, PYTHON)
    before = picture(tmp_path)

    def kill(reached: str) -> None:
        if reached == step:
            raise Killed

    with monkeypatch.context() as patched, pytest.raises(Killed):
        patched.setattr(files, "on_step", kill)
        HookFile(os.fspath(hook.parent)).install()
    file = HookFile(os.fspath(hook.parent))
    again(file)
    assert file.is_installed == (again is HookFile.install)
    file.uninstall()
    assert picture(tmp_path) == before


def test_doctor_says_what_keeps_the_databases_from_following(plain: Worktree) -> None:
    def found() -> list[tuple[str, str]]:
        with plain.open() as snap:
            return [(one.level, one.detail) for one in snap.doctor().findings if one.check == "git"]

    assert found() == []
    with plain.open() as snap:
        path = snap.git_install().hook
    assert found() == [(OK, f"the hook '{path}' is installed")]
    Path(path).unlink()
    assert found() == [(WARNING, "the hook is installed by half; 'snap git install' completes it")]
