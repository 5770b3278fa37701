"""Databases and changes to their rows, by name: each is compared, patched, verified and cleaned.

Changes to schemas are in schema_cases.py.
"""

from __future__ import annotations

from typing import NamedTuple

_N = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {}) "


class Case(NamedTuple):
    """Statements that make a database, and those that change it."""

    made: tuple[str, ...]
    done: tuple[str, ...]


SHOP = (
    "CREATE TABLE users (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT UNIQUE, score REAL)",
    "CREATE TABLE orders (id INTEGER PRIMARY KEY, user INTEGER NOT NULL REFERENCES users ON DELETE CASCADE, what)",
    "CREATE TABLE log (text)",
    "CREATE INDEX orders_user ON orders(user)",
    "CREATE TRIGGER added AFTER INSERT ON users BEGIN INSERT INTO log VALUES ('new ' || new.name); END",
    "CREATE TRIGGER gone AFTER DELETE ON orders BEGIN INSERT INTO log VALUES ('gone ' || old.id); END",
    "CREATE TRIGGER changed AFTER UPDATE ON users BEGIN INSERT INTO log VALUES ('changed ' || new.name); END",
    "CREATE VIEW named AS SELECT name, what FROM users JOIN orders ON user = users.id",
    "CREATE TRIGGER through INSTEAD OF INSERT ON named BEGIN INSERT INTO users(name) VALUES (new.name); END",
    "INSERT INTO users(name, score) VALUES ('ann', 1.5), ('bob', 2.0), ('cid', -0.5)",
    "INSERT INTO orders(user, what) VALUES (1, 'tea'), (1, x'00ff'), (2, NULL), (3, 9223372036854775807)",
)
UNIQUE = (
    "CREATE TABLE seat (id INTEGER PRIMARY KEY, place INTEGER UNIQUE, holder TEXT, UNIQUE (holder, place))",
    "CREATE UNIQUE INDEX lowered ON seat(lower(holder))",
    "INSERT INTO seat VALUES (1, 10, 'a'), (2, 20, 'b'), (3, 30, 'c')",
)
TEXTS = (
    "CREATE VIRTUAL TABLE docs USING fts5(title, body)",
    "INSERT INTO docs VALUES ('one', 'red fox'), ('two', 'blue fox'), ('three', 'red hen')",
)
BOXES = (
    "CREATE VIRTUAL TABLE boxes USING rtree(id, x0, x1, y0, y1, +label)",
    _N.format(200) + "INSERT INTO boxes SELECT i, i, i + 1, -i, 1 - i, 'box ' || i FROM n",
)
TREE = (
    "CREATE TABLE node (id INTEGER PRIMARY KEY, parent INTEGER REFERENCES node ON DELETE CASCADE, name)",
    "INSERT INTO node VALUES (1, NULL, 'root'), (2, 1, 'left'), (3, 1, 'right'), (4, 2, 'leaf')",
)

ROWS: dict[str, Case] = {
    "triggers and cascades": Case(
        SHOP,
        (
            "PRAGMA foreign_keys = ON",
            "DELETE FROM users WHERE id = 1",
            "UPDATE users SET name = 'bobby', score = 2 WHERE id = 2",
            "INSERT INTO users(name) VALUES ('dan'), ('eve')",
            "INSERT INTO orders(user, what) VALUES (4, 'milk'), (5, 'rum')",
            "UPDATE users SET score = score + 1 WHERE id = 3",
        ),
    ),
    "everything gone": Case(SHOP, ("DELETE FROM orders", "DELETE FROM users", "DELETE FROM log")),
    "parent and children gone": Case(TREE, ("PRAGMA foreign_keys = ON", "DELETE FROM node WHERE id = 1")),
    "a tree upside down": Case(
        TREE, ("UPDATE node SET parent = 4 WHERE id = 1", "UPDATE node SET parent = NULL WHERE id = 2")
    ),
    "values swapped in a unique column": Case(
        UNIQUE,
        (
            "UPDATE seat SET place = -1, holder = 'z' WHERE id = 1",
            "UPDATE seat SET place = 10, holder = 'a' WHERE id = 2",
            "UPDATE seat SET place = 20, holder = 'b' WHERE id = 1",
            "DELETE FROM seat WHERE id = 3",
            "INSERT INTO seat VALUES (4, 30, 'C')",
        ),
    ),
    "keys swapped": Case(
        (
            "CREATE TABLE pair (a, b, c, PRIMARY KEY (b, a)) WITHOUT ROWID",
            "INSERT INTO pair VALUES (1, 2, 'x'), (2, 1, 'y'), ('q', x'01', 1.0), (9007199254740993, 0, 'z')",
        ),
        (
            "UPDATE pair SET c = 'swapped' WHERE a = 1",
            "DELETE FROM pair WHERE a = 2",
            "INSERT INTO pair VALUES (3, 3, NULL), (2.5, 'k', 2)",
            "UPDATE pair SET c = 1 WHERE a = 'q'",
        ),
    ),
    "keys that SQLite calls equal": Case(
        (
            "CREATE TABLE cased (name TEXT COLLATE NOCASE PRIMARY KEY, n) WITHOUT ROWID",
            "CREATE TABLE padded (name TEXT COLLATE RTRIM PRIMARY KEY, n) WITHOUT ROWID",
            "CREATE TABLE typed (k PRIMARY KEY, n) WITHOUT ROWID",
            "CREATE TABLE both (k, name TEXT COLLATE NOCASE, n, PRIMARY KEY (k, name)) WITHOUT ROWID",
            "CREATE TABLE snapstore_kept (k COLLATE NOCASE PRIMARY KEY, n) WITHOUT ROWID",
            "INSERT INTO cased VALUES ('Alice', 1), ('bob', 2), ('Eve', 3)",
            "INSERT INTO padded VALUES ('a ', 1), ('b', 2)",
            "INSERT INTO typed VALUES (1, 1), (2.0, 2), (9007199254740992, 3)",
            "INSERT INTO both VALUES (1, 'x', 1), (2, 'Y', 2)",
            "INSERT INTO snapstore_kept VALUES ('K', 1)",
        ),
        (
            "UPDATE cased SET name = 'ALICE' WHERE n = 1",
            "UPDATE cased SET n = 9 WHERE name = 'bob'",
            "DELETE FROM cased WHERE name = 'Eve'",
            "UPDATE padded SET name = 'a    ' WHERE n = 1",
            "UPDATE typed SET k = 1.0 WHERE n = 1",
            "UPDATE typed SET k = 2 WHERE n = 2",
            "UPDATE typed SET k = 9007199254740992.0 WHERE n = 3",
            "UPDATE both SET k = 1.0, name = 'X' WHERE n = 1",
            "UPDATE both SET name = 'y' WHERE n = 2",
            "UPDATE snapstore_kept SET k = 'k'",
        ),
    ),
    "rows without a key": Case(
        ("CREATE TABLE bag (a, b)", "INSERT INTO bag VALUES (1, 'x'), (1, 'x'), (2, NULL), (NULL, NULL)"),
        (
            "DELETE FROM bag WHERE rowid = (SELECT min(rowid) FROM bag WHERE a = 1)",
            "INSERT INTO bag VALUES (1, 'x'), (1, 'x'), (3, 'new')",
            "UPDATE bag SET b = 'was null' WHERE a = 2",
        ),
    ),
    "strange values": Case(
        (
            'CREATE TABLE "odd ""name" (id INTEGER PRIMARY KEY, "a b", "select" TEXT)',
            "INSERT INTO \"odd \"\"name\" VALUES (1, 1, 'it''s'), (2, 1.0, NULL), (-9223372036854775808, x'', '')",
        ),
        (
            'UPDATE "odd ""name" SET "a b" = 1.0 WHERE id = 1',
            'UPDATE "odd ""name" SET "a b" = 1 WHERE id = 2',
            "INSERT INTO \"odd \"\"name\" VALUES (3, 9e999, CAST(x'610062' AS TEXT)), (8, 0, 'a' || char(0))",
            'INSERT INTO "odd ""name" VALUES (4, -9e999, CAST(x\'fffe\' AS TEXT))',
            'INSERT INTO "odd ""name" VALUES (5, 9007199254740993, char(10, 13, 27, 8364))',
            'INSERT INTO "odd ""name" VALUES (6, 1e300, \'; DROP\'), (7, 5e-324, 0)',
            'UPDATE "odd ""name" SET "select" = CAST(x\'c328\' AS TEXT) WHERE id < 0',
        ),
    ),
    "text of two bytes": Case(
        (
            "PRAGMA encoding = 'UTF-16le'",
            "CREATE TABLE wide (id INTEGER PRIMARY KEY, body TEXT UNIQUE)",
            "INSERT INTO wide(body) VALUES ('é'), ('😀'), ('a' || char(0) || 'b'), ('')",
        ),
        (
            "DELETE FROM wide WHERE id IN (1, 3)",
            "UPDATE wide SET body = '€' WHERE id = 2",
            "INSERT INTO wide VALUES (9, '😀' || char(0)), (10, 'it''s')",
        ),
    ),
    "long rows": Case(
        (
            "CREATE TABLE long (id INTEGER PRIMARY KEY, body)",
            _N.format(60) + "INSERT INTO long SELECT i, printf('%.*c', i * 400, 'x') FROM n",
        ),
        (
            "UPDATE long SET body = body || 'y' WHERE id % 7 = 0",
            "DELETE FROM long WHERE id % 11 = 0",
            "INSERT INTO long VALUES (100, zeroblob(70000)), (101, printf('%.*c', 70000, 'z'))",
        ),
    ),
    "full text": Case(
        TEXTS,
        (
            "DELETE FROM docs WHERE rowid = 1",
            "INSERT INTO docs VALUES ('four', 'green hen')",
            "UPDATE docs SET body = 'grey' WHERE rowid = 2",
        ),
    ),
    "full text, external content": Case(
        (
            "CREATE TABLE page (id INTEGER PRIMARY KEY, body TEXT)",
            "CREATE VIRTUAL TABLE page_text USING fts5(body, content='page', content_rowid='id')",
            "CREATE TRIGGER page_in AFTER INSERT ON page"
            " BEGIN INSERT INTO page_text(rowid, body) VALUES (new.id, new.body); END",
            "CREATE TRIGGER page_out AFTER DELETE ON page"
            " BEGIN INSERT INTO page_text(page_text, rowid, body) VALUES ('delete', old.id, old.body); END",
            "INSERT INTO page VALUES (1, 'red fox'), (2, 'blue hen')",
        ),
        ("DELETE FROM page WHERE id = 1", "INSERT INTO page VALUES (3, 'green fox')"),
    ),
    "full text 4": Case(
        ("CREATE VIRTUAL TABLE old USING fts4(body)", "INSERT INTO old VALUES ('red fox'), ('blue hen')"),
        ("DELETE FROM old WHERE docid = 1", "INSERT INTO old VALUES ('green fox')"),
    ),
    "boxes": Case(
        BOXES,
        (
            "DELETE FROM boxes WHERE id % 3 = 0",
            "UPDATE boxes SET x1 = x1 + 50, label = 'wide' WHERE id = 5",
            _N.format(40) + "INSERT INTO boxes SELECT 1000 + i, i, i + 2, i, i + 2, NULL FROM n",
        ),
    ),
    "generated columns": Case(
        (
            "CREATE TABLE sum (id INTEGER PRIMARY KEY, a, b AS (a * 2), c AS (a || '!') STORED)",
            "CREATE INDEX sum_b ON sum(b)",
            "INSERT INTO sum(a) VALUES (1), (2), (3)",
        ),
        ("UPDATE sum SET a = 20 WHERE id = 2", "DELETE FROM sum WHERE id = 1", "INSERT INTO sum(a) VALUES (4)"),
    ),
    "strict": Case(
        (
            "CREATE TABLE typed (id INTEGER PRIMARY KEY, r REAL, t TEXT, a ANY) STRICT",
            "INSERT INTO typed VALUES (1, 1, 'a', '1')",
        ),
        ("UPDATE typed SET r = 2, a = 1", "INSERT INTO typed VALUES (2, 3.0, 'b', x'00')"),
    ),
    "sequences": Case(
        (
            "CREATE TABLE counted (id INTEGER PRIMARY KEY AUTOINCREMENT, x)",
            "CREATE TABLE never (id INTEGER PRIMARY KEY AUTOINCREMENT, x)",
            "INSERT INTO counted(x) VALUES ('a'), ('b')",
        ),
        (
            "DELETE FROM counted WHERE id = 1",
            "INSERT INTO counted VALUES (77, 'c')",
            "INSERT INTO never(x) VALUES ('first')",
        ),
    ),
    "partial index and expression": Case(
        (
            "CREATE TABLE job (id INTEGER PRIMARY KEY, name, done)",
            "CREATE UNIQUE INDEX open_job ON job(name) WHERE NOT done",
            "CREATE INDEX job_expression ON job(length(name) COLLATE NOCASE, done DESC)",
            "INSERT INTO job VALUES (1, 'x', 1), (2, 'x', 0), (3, 'y', 0), (4, 'y', 1)",
        ),
        ("UPDATE job SET done = 1", "UPDATE job SET done = 0 WHERE id IN (1, 4)"),
    ),
    "rows that violate a check": Case(
        (
            "CREATE TABLE aged (id INTEGER PRIMARY KEY, age INTEGER CHECK (age >= 0))",
            "PRAGMA ignore_check_constraints = ON",
            "INSERT INTO aged VALUES (1, -5), (2, 7)",
        ),
        ("DELETE FROM aged WHERE id = 1", "UPDATE aged SET age = 8 WHERE id = 2"),
    ),
    "defaults of an added column": Case(
        (
            "CREATE TABLE grown (id INTEGER PRIMARY KEY, a)",
            "INSERT INTO grown VALUES (1, 'x'), (2, 'y'), (3, 'z')",
            "ALTER TABLE grown ADD COLUMN b DEFAULT 'standard'",
        ),
        (
            "UPDATE grown SET b = 'other' WHERE id = 1",
            "DELETE FROM grown WHERE id = 2",
            "INSERT INTO grown(id, a) VALUES (4, 'w')",
        ),
    ),
}
