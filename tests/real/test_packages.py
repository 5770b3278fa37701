"""State that packages keep in SQLite: sqlite-utils, diskcache, SQLAlchemy with Alembic, huey."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.real.oracle import watched


def test_tables_that_sqlite_utils_transforms(tmp_path: Path) -> None:
    sqlite_utils = pytest.importorskip("sqlite_utils", reason="sqlite-utils is not installed")
    path = tmp_path / "dogs.sqlite3"

    def fill(database: Any) -> None:
        rows = [{"id": n, "name": f"dog {n}", "age": str(n % 9), "kind": f"kind {n % 4}"} for n in range(300)]
        database["dogs"].insert_all(rows, pk="id")
        database["dogs"].enable_fts(["name", "kind"], create_triggers=True)
        database["walks"].insert_all([{"dog": n % 300, "park": f"park {n % 7}"} for n in range(500)])

    def change_rows(database: Any) -> None:
        database["dogs"].upsert_all([{"id": n, "name": f"renamed {n}"} for n in range(290, 310)], pk="id")
        database["dogs"].delete_where("kind = ?", ["kind 1"])
        database["walks"].delete_where("park = 'park 3'")
        database["walks"].insert({"dog": 5, "park": "park 3"})

    def transform(database: Any) -> None:
        database["dogs"].transform(types={"age": int}, drop={"kind"}, column_order=("id", "age"))
        database["walks"].add_column("minutes", int, not_null_default=30)

    def extract(database: Any) -> None:
        database["walks"].extract("park", table="parks", fk_column="park_id")
        database["walks"].create_index(["park_id"])

    def run(change: Any) -> None:
        database = sqlite_utils.Database(path)
        change(database)
        database.conn.close()

    run(fill)
    with watched(path, tmp_path) as database:
        for change in (change_rows, transform, extract):
            if change is transform:
                run(lambda database: database["dogs"].disable_fts())
                database.check()
                database.tag()
            run(change)
            seen = database.check()
            assert seen.tables
            database.tag()


def test_a_cache_of_diskcache(tmp_path: Path) -> None:
    diskcache = pytest.importorskip("diskcache", reason="diskcache is not installed")
    with closing(diskcache.Cache(tmp_path / "cache", eviction_policy="least-recently-used")) as cache:
        for number in range(400):
            cache.set(
                f"key {number}", {"number": number, "text": "x" * number}, expire=0.01 if number % 5 == 0 else None
            )
    with watched(tmp_path / "cache" / "cache.db", tmp_path) as database:
        with closing(diskcache.Cache(tmp_path / "cache")) as cache:
            cache.expire()
            cache.get("key 7")
            cache.incr("counter", 3)
            cache.set(("a", "tuple"), b"bytes" * 900, tag="big")
            cache.push("queued")
            del cache["key 11"]
        seen = database.check()
        assert "Cache" in seen.tables
        assert "Settings" in seen.tables
        database.tag()
        with closing(diskcache.Cache(tmp_path / "cache")) as cache:
            cache.clear()
            cache.reset("cull_limit", 3)
        database.check()


def test_tables_that_alembic_makes_anew(tmp_path: Path) -> None:
    sa = pytest.importorskip("sqlalchemy", reason="SQLAlchemy is not installed")
    migration = pytest.importorskip("alembic.migration", reason="Alembic is not installed")
    operations = pytest.importorskip("alembic.operations")
    path = tmp_path / "home.sqlite3"
    engine = sa.create_engine(f"sqlite:///{path}", poolclass=sa.pool.NullPool)
    metadata = sa.MetaData()
    kinds = sa.Table("kinds", metadata, sa.Column("id", sa.Integer, primary_key=True), sa.Column("name", sa.String(50)))
    states = sa.Table(
        "states",
        metadata,
        sa.Column("state_id", sa.Integer, primary_key=True),
        sa.Column("kind_id", sa.ForeignKey("kinds.id")),
        sa.Column("state", sa.String(255), index=True),
        sa.Column("value", sa.Float),
        sa.Column("attributes", sa.JSON),
        sa.Column("updated", sa.DateTime),
    )
    metadata.create_all(engine)
    with engine.begin() as connection:
        connection.execute(kinds.insert(), [{"id": n, "name": f"kind {n}"} for n in range(5)])
        rows = [{"kind_id": n % 5, "state": f"{n % 30}", "value": n / 4, "attributes": {"n": n}} for n in range(600)]
        connection.execute(states.insert(), rows)
    with watched(path, tmp_path) as database:
        with engine.begin() as connection:
            connection.execute(states.delete().where(states.c.state_id % 3 == 0))
            connection.execute(states.update().where(states.c.kind_id == 2).values(value=None, state="off"))
        assert set(database.check().tables) == {"states"}
        database.tag()
        with engine.begin() as connection:
            op = operations.Operations(migration.MigrationContext.configure(connection))
            with op.batch_alter_table("states") as batch:
                batch.add_column(sa.Column("origin", sa.Integer, server_default="7"))
                batch.alter_column("state", type_=sa.Text(), nullable=False)
                batch.drop_column("updated")
            op.create_index("by_kind", "states", ["kind_id", "value"])
            op.execute("UPDATE states SET origin = 8 WHERE state_id < 5")
        seen = database.check()
        assert {"states", "by_kind"} <= seen.schema
        database.tag()
        with engine.begin() as connection:
            op = operations.Operations(migration.MigrationContext.configure(connection))
            op.rename_table("kinds", "types")
            op.drop_index("by_kind", "states")
        assert {"kinds", "types", "by_kind"} <= database.check().schema


def test_a_queue_of_huey(tmp_path: Path) -> None:
    huey = pytest.importorskip("huey", reason="huey is not installed")
    path = tmp_path / "queue.sqlite3"
    queue = huey.SqliteHuey(filename=str(path), immediate=False)

    @queue.task()  # type: ignore[untyped-decorator]
    def add(one: int, other: int) -> int:
        return one + other

    for number in range(40):
        add(number, 1)
    queue.storage.close()
    with watched(path, tmp_path) as database:
        for _ in range(10):
            queue.execute(queue.dequeue())
        add.schedule((1, 2), delay=1000)
        queue.put("kept", "x" * 5000)
        queue.storage.close()
        seen = database.check()
        assert {"task", "kv"} <= seen.tables.keys()
        database.tag()
        queue.flush()
        queue.storage.close()
        assert "task" in database.check().tables
