"""The test that docs/servers.md offers for pasting: it tells a server that remembers from one that is told."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.documents import ROOT, blocks
from tests.hooks.here import Here, remembering
from tests.support import ENVIRONMENT


def test_the_test_to_paste_fails_until_there_is_a_hook(tmp_path: Path) -> None:
    here = Here(tmp_path)
    (code,) = blocks(ROOT / "docs" / "servers.md", "python")
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    program = [sys.executable, "-P", "-m", "pytest", "-p", "no:cacheprovider", "-p", "no:django", "-q"]
    for is_told in (False, True):
        with remembering(here):
            address = f"http://127.0.0.1:{(tmp_path / 'port').read_text()}"
            (tmp_path / "test_it.py").write_text(code.replace("http://127.0.0.1:8000/api/items", f"{address}/"))
            hook = {"http": f"POST {address}/forget", "headers": {"Authorization": "Bearer $TOKEN"}}
            here.configure(after=[hook] if is_told else [])
            environment = {**ENVIRONMENT, "TOKEN": "s3cret"}
            done = subprocess.run(program, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == (0 if is_told else 1), done.stdout + done.stderr
        assert ("assert ask() == before" in done.stdout) is not is_told
        (tmp_path / "port").unlink()
