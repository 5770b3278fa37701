"""The profile of a browser: History, Cookies, Web Data, Favicons as Chromium keeps them."""

from __future__ import annotations

import shutil
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.browser.chromium import BROWSERS
from tests.real.oracle import Seen, watched

FLAGS = ("--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking")
TIMEOUT = 90  # seconds
PAGE = b"<!doctype html><title>%b</title><link rel=icon href=data:,><form><input name=q value=tea></form>"


class _Pages(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Set-Cookie", f"seen={self.path.strip('/')}; Max-Age=86400; Path=/")
        self.end_headers()
        self.wfile.write(PAGE % self.path.encode())

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Pages) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def _visit(profile: Path, url: str) -> None:
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        pytest.skip("no Chromium on this machine")
    command = [browser, *FLAGS, f"--user-data-dir={profile}", "--virtual-time-budget=8000", "--dump-dom", url]
    done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT, check=False)
    if "<form>" not in done.stdout:
        pytest.skip(f"Chromium does not start here: {done.stderr.strip().splitlines()[-1:]}")


def test_what_a_visit_leaves_in_a_profile_is_what_sql_finds(tmp_path: Path, address: str) -> None:
    profile = tmp_path / "profile"
    _visit(profile, f"{address}/first")
    found = [path for path in sorted(profile.rglob("*")) if _is_database(path)]
    assert found
    seen: dict[str, Seen] = {}
    for path in found:
        (tmp_path / path.name).mkdir(exist_ok=True)
    before = {path: path.read_bytes() for path in found}
    _visit(profile, f"{address}/second")
    for path in found:
        after = path.read_bytes()
        path.write_bytes(before[path])
        with watched(path, tmp_path / path.name) as one:
            path.write_bytes(after)
            seen[path.name] = one.check()
    if "History" in seen:
        assert {"urls", "visits"} <= seen["History"].tables.keys()


def _is_database(path: Path) -> bool:
    if not path.is_file() or path.stat().st_size == 0:
        return False
    with path.open("rb") as file:
        return file.read(16) == b"SQLite format 3\0"
