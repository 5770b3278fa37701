"""The page about branches, played: its commands, in a repository as it asks for one."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from tests.documents import ROOT, blocks
from tests.git.worktree import Worktree

PAGE = ROOT / "docs" / "branches.md"


def test_the_commands_of_the_page_do_what_it_says(plain: Worktree) -> None:
    lines = [line for code in blocks(PAGE, "console") for line in re.findall(r"^\$ (.*)$", code, re.MULTILINE)]
    assert "snap git install" in lines
    assert "snap git" in lines
    scripts = os.fspath(Path(sys.executable).parent)
    environment = {**plain.environment, "PATH": f"{scripts}:{plain.environment['PATH']}"}
    script = "set -eux\n" + "\n".join(lines)
    done = subprocess.run(
        ["bash", "-c", script],
        cwd=plain.folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert set(plain.states()) == {"branch/main", "branch/feature"}


def test_the_line_for_hooks_that_others_write_does_what_it_says(plain: Worktree) -> None:
    (line,) = (code for code in blocks(PAGE, "sh") if "post-checkout" in code)
    scripts = os.fspath(Path(sys.executable).parent)
    plain.without_hook()
    plain.hook.write_text(f"#!/bin/sh\n{line}")
    plain.hook.chmod(0o755)
    plain.git("switch", "-c", "feat", PATH=f"{scripts}:{plain.environment['PATH']}")
    assert plain.holder == "feat"
