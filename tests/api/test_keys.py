"""Every verb gives a document with the keys of its class, among them those that are published."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from snapstore import Session, Snapstore
from snapstore.api.verbs import METHODS, Verbs
from snapstore.results.answers import Answer
from snapstore.results.codec import fields_of, from_document, is_record, to_document
from snapstore.results.diffs import Diff
from tests.git.worktree import Worktree
from tests.support import ENVIRONMENT, Snap, connect, make_database

TAKEN = "snapshot name created moved_from unchanged databases seconds"
RESTORED = "snapshot changed safety databases seconds"
LISTED = "snapshot names created message pinned content bytes stored_bytes"
PUBLISHED: dict[str, str] = {
    "tag": TAKEN,
    "backup": TAKEN,
    "import": TAKEN,
    "restore": RESTORED,
    "undo": RESTORED,
    "reset": RESTORED,
    "verify": "verdict ok against restored forensic label databases seconds",
    "diff": "from to identical databases truncated",
    "apply": "changed safety databases seconds dry_run",
    "log": LISTED,
    "tags": LISTED,
    "prune": "kept removed freed_bytes dry_run",
    "fsck": "ok damaged affected_snapshots objects packs",
}
"""Keys that the command line has promised, by verb; more may be there."""

PUBLISHED_DATABASES: dict[str, str] = {
    "tag": "content pages page_size bytes stored_bytes",
    "backup": "content pages page_size bytes stored_bytes",
    "restore": "method pages_written pages",
    "undo": "method pages_written pages",
    "reset": "method pages_written pages",
    "verify": "verdict tables rows drift",
    "diff": "schema tables rows",
    "apply": "tables statements is_start",
}


@pytest.fixture(params=[Snapstore, Session])
def snap(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Verbs]:
    make_database(tmp_path / "db.sqlite3")
    with request.param(db=tmp_path / "db.sqlite3", store=tmp_path / "store", env=ENVIRONMENT) as snap:
        snap.tag("baseline")
        yield snap


def leak(snap: Verbs) -> None:
    with closing(connect(snap.info().databases["default"].path)) as connection:
        connection.execute("INSERT INTO note VALUES (1, x'00ff')")


def results(snap: Verbs, folder: Path) -> Iterator[tuple[str, Any]]:
    """Yield every verb and what it gives, in an order that works."""
    yield "tag", snap.tag("other", "baseline")
    yield "backup", snap.backup()
    leak(snap)
    yield "status", snap.status()
    yield "verify", snap.verify(restore_on_fail=True)
    leak(snap)
    yield "diff", snap.diff()
    yield "suggest_ignore", snap.suggest_ignore()
    yield "clean", snap.clean()
    with Snapstore(db=folder / "db.sqlite3", store=folder / "store", env=ENVIRONMENT) as other:
        leak(snap)
        with other.differences("live", "HEAD") as found:
            (folder / "patch.sql").write_text("".join(f"{one};\n" for one in found.databases[0].script()), "utf-8")
    yield "apply", snap.apply(folder / "patch.sql")
    yield "undo", snap.undo()
    yield "restore", snap.restore()
    yield "reset", snap.reset()
    yield "query", snap.query("baseline", "SELECT * FROM item")
    yield "log", snap.log(everything=True)
    yield "tags", snap.tags()
    yield "reflog", snap.reflog()
    yield "show", snap.show("baseline")
    yield "export", snap.export("baseline", folder / "copy.sqlite3")
    yield "import", snap.import_(folder / "copy.sqlite3")
    yield "pin", snap.pin("other")
    yield "unpin", snap.unpin("other")
    yield "rename", snap.rename("other", "another")
    yield "rm", snap.rm("another")
    yield "begin_suite", snap.begin_suite("suite", quiet=0)
    yield "begin_test", snap.begin_test("one")
    leak(snap)
    yield "fail_test", snap.fail_test()
    yield "end_test", snap.end_test()
    yield "end_suite", snap.end_suite()
    snap.backup()
    yield "delete_backup", snap.delete_backup()
    yield "report", snap.report()
    yield "prune", snap.prune(keep_last=1)
    yield "undo_prune", snap.undo_prune()
    yield "doctor", snap.doctor()
    yield "fsck", snap.fsck(heal=True)
    yield "info", snap.info()
    yield "stores", snap.stores()
    yield "release", snap.release()
    tree = Worktree.create(folder / "repository")
    kind = Session if isinstance(snap, Session) else Snapstore
    with kind(cwd=tree.folder, env=tree.environment) as there:
        yield "git_install", there.git_install()
        yield "git_sync", there.git_sync()
        yield "git_status", there.git_status()
        yield "git_uninstall", there.git_uninstall()
    shared = folder / "shared"
    shared.mkdir()
    make_database(shared / "db.sqlite3")
    (shared / "snapstore.yaml").write_text("database: db.sqlite3\nstore: store\n")
    with kind(cwd=shared, env=ENVIRONMENT) as there:
        there.tag("baseline")
        yield "add_remote", there.add_remote("origin", str(folder / "remote"))
        yield "remotes", there.remotes()
        yield "push", there.push(["baseline"])
        yield "fetch", there.fetch()
        yield "fetch_all", there.fetch_all()
        yield "remote_tags", there.remote_tags()
        yield "pull", there.pull(["baseline"])
        yield "accept_remote", there.accept_remote()
        yield "fsck_remote", there.fsck_remote()
        yield "prune_remote", there.prune_remote()
        yield "remove_remote", there.remove_remote("origin")


def test_every_verb_gives_the_keys_of_its_class(snap: Verbs, tmp_path: Path) -> None:
    seen = set()
    for name, result in results(snap, tmp_path):
        for one in result if isinstance(result, list) else [result]:
            document = json.loads(json.dumps(to_document(one), allow_nan=False))
            check(one, document)
            assert from_document(type(one), document) == one, name
            assert set(PUBLISHED.get(name, "").split()) <= set(document), name
            for database in document.get("databases", {}).values() if name in PUBLISHED_DATABASES else ():
                assert set(PUBLISHED_DATABASES[name].split()) <= set(database), name
        seen.add(name)
    assert seen == set(METHODS)


def check(result: Any, document: Any) -> None:
    """Demand that the keys of a document are the fields of its class, all the way down."""
    if is_record(type(result)):
        assert list(document) == [name.removesuffix("_") for name in fields_of(type(result))]
        for name in fields_of(type(result)):
            check(getattr(result, name), document[name.removesuffix("_")])
    elif isinstance(result, Mapping):
        assert list(document) == [str(name) for name in result]
        for name, one in result.items():
            check(one, document[str(name)])
    elif isinstance(result, (tuple, list)):
        assert len(document) == len(result)
        for one, other in zip(result, document, strict=True):
            check(one, other)


def test_documents_that_the_command_line_writes_piece_by_piece_are_those_of_the_classes(tmp_path: Path) -> None:
    command = Snap(tmp_path, make_database(tmp_path / "db.sqlite3"))
    with Snapstore(db=command.database, store=command.store, env=ENVIRONMENT) as snap:
        snap.tag("baseline")
        leak(snap)
        with closing(connect(command.database)) as connection:
            connection.execute("DELETE FROM item WHERE id > 490")
            connection.execute("UPDATE sqlite_sequence SET seq = 9007199254740993")
            connection.execute("INSERT INTO note VALUES (9e999, CAST(x'61ff' AS TEXT))")
        assert from_document(Diff, command.json("diff", "--limit", "3")) == snap.diff(limit=3)
        sql = "SELECT * FROM note ORDER BY rowid DESC LIMIT 5"
        assert from_document(Answer, command.json("query", "live", sql)) == snap.query("live", sql)
