"""The verbs over object storage: added, pushed, cloned, and pulled by a session, which never loads the library."""

from __future__ import annotations

import os
import uuid
from contextlib import closing
from pathlib import Path

import pytest

import snapstore
from snapstore import Session, Snapstore
from snapstore.errors import CredentialsMissing, RemoteReadOnly, RemoteRefused, RemoteUnsafe
from tests.remotes.conftest import AZURE_VARIABLES, variables
from tests.remotes.servers import BUCKET, READER, Server
from tests.support import ENVIRONMENT, add_rows, connect, count, make_database, raised


def environment(folder: Path, keys: dict[str, str]) -> dict[str, str]:
    clean = {name: value for name, value in ENVIRONMENT.items() if not name.startswith("AWS_")}
    return {**clean, **keys, "XDG_DATA_HOME": str(folder / "data"), "XDG_CONFIG_HOME": str(folder / "conf")}


def project(folder: Path, *, rows: int | None = None) -> Path:
    """Make a project, with a database if rows are given."""
    folder.mkdir()
    (folder / "snapstore.yaml").write_text("database: app.db\nstore: store\nbaseline: baseline\n")
    if rows is not None:
        make_database(folder / "app.db", journal_mode="wal", rows=rows)
    return folder


def test_a_baseline_goes_round(tmp_path: Path, seaweed: Server) -> None:
    url = f"s3://{BUCKET}/{uuid.uuid4().hex}"
    writer, reader = environment(tmp_path, variables()), environment(tmp_path, variables(READER))
    here = project(tmp_path / "here", rows=30)
    with Snapstore(cwd=here, env=writer) as snap:
        added = snap.add_remote("origin", url, endpoint=seaweed.endpoint)
        assert (added.created, added.is_safe, added.project) == (True, True, "here")
        snap.tag("baseline")
        assert snap.push(("baseline",)).requests > 0
    cloned = snapstore.clone(url, tmp_path / "clone", restore="baseline", endpoint=seaweed.endpoint, env=reader)
    assert f"endpoint: {seaweed.endpoint}\n" in Path(cloned.config).read_text()
    with closing(connect(tmp_path / "clone" / "app.db")) as connection:
        assert count(connection) == 30
    with Snapstore(cwd=tmp_path / "clone", env=reader) as snap:
        raised(RemoteRefused, 17, snap.push, ("baseline:other",))
    there = project(tmp_path / "there")
    with Session(cwd=there, env=reader) as session:
        added = session.add_remote("origin", url, endpoint=seaweed.endpoint, read_only=True)
        assert (added.created, added.is_safe, added.tags) == (False, None, 1)
        assert session.restore("baseline").changed
        assert session.verify("baseline").ok
        with Snapstore(cwd=here, env=writer) as snap:
            with closing(connect(here / "app.db")) as connection:
                add_rows(connection, 5)
            moved = snap.tag("baseline").snapshot
            snap.push(("baseline",))
        assert session.fetch().refs[0].to == moved
        assert session.remote_tags().tags[0].here is False
        assert session.show("origin/baseline").snapshot == moved
        assert session.pull().refs[0].to == moved
        raised(RemoteReadOnly, 14, session.push, ("baseline",))
        maps = Path(f"/proc/{session.pid}/maps")
        assert not maps.exists() or "obstore" not in maps.read_text()


def test_a_baseline_goes_round_in_azure(tmp_path: Path, azure: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in AZURE_VARIABLES.items():
        monkeypatch.setenv(name, value)
    url, environ = f"az://{BUCKET}/{uuid.uuid4().hex}", environment(tmp_path, AZURE_VARIABLES)
    here = project(tmp_path / "here", rows=30)
    with Snapstore(cwd=here, env=environ) as snap:
        added = snap.add_remote("origin", url, endpoint=azure.endpoint)
        assert (added.created, added.is_safe, added.project) == (True, True, "here")
        snap.tag("baseline")
        assert snap.push(("baseline",)).entry == 1
    snapstore.clone(url, tmp_path / "clone", restore="baseline", endpoint=azure.endpoint, env=environ)
    with closing(connect(tmp_path / "clone" / "app.db")) as connection:
        assert count(connection) == 30
        add_rows(connection, 5)
    with Session(cwd=tmp_path / "clone", env=environ) as session:
        moved = session.tag("baseline").snapshot
        assert session.push(("baseline",)).entry == 2
    with Snapstore(cwd=here, env=environ) as snap:
        assert snap.pull().refs[0].to == moved
        assert snap.restore("baseline").changed
        assert snap.fsck_remote().ok
        assert snap.prune_remote().entry == 2


def test_a_server_that_overwrites_is_taken_only_if_that_is_said(tmp_path: Path, careless: Server) -> None:
    url, here = f"s3://{BUCKET}/{uuid.uuid4().hex}", project(tmp_path / "here", rows=3)
    with Snapstore(cwd=here, env=environment(tmp_path, variables())) as snap:
        before = (here / "snapstore.yaml").read_text()
        error = raised(RemoteUnsafe, 13, snap.add_remote, "origin", url, endpoint=careless.endpoint)
        assert (error.name, (here / "snapstore.yaml").read_text()) == ("origin", before)
        added = snap.add_remote("origin", url, endpoint=careless.endpoint, unsafe_single_writer=True)
        assert (added.is_safe, added.created) == (False, False)
        snap.tag("baseline")
        assert snap.push(("baseline",)).entry == 1
    assert "    unsafe_single_writer: true\n" in (here / "snapstore.yaml").read_text()


def test_without_credentials_nothing_is_asked(tmp_path: Path) -> None:
    here = project(tmp_path / "here", rows=3)
    with Snapstore(cwd=here, env=environment(tmp_path, {"HOME": os.fspath(tmp_path)})) as snap:
        error = raised(CredentialsMissing, 13, snap.add_remote, "origin", "s3://bucket/a")
        assert "AWS_ACCESS_KEY_ID" in (error.hint or "")
        assert pytest.importorskip("obstore")
