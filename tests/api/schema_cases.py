"""Databases and changes to their schemas, by name; in most of them rows change too."""

from __future__ import annotations

from tests.api.row_cases import BOXES, ROWS, SHOP, TEXTS, TREE, Case

SCHEMAS: dict[str, Case] = {
    "tables come and go": Case(
        SHOP,
        (
            "DROP TABLE log",
            "DROP TRIGGER added",
            "DROP TRIGGER gone",
            "DROP TRIGGER changed",
            "CREATE TABLE fresh (id INTEGER PRIMARY KEY AUTOINCREMENT, at TEXT DEFAULT 'now')",
            "INSERT INTO fresh(at) VALUES ('then'), (NULL)",
            "CREATE INDEX fresh_at ON fresh(at)",
            "CREATE TRIGGER fresh_in AFTER INSERT ON fresh BEGIN DELETE FROM orders; END",
        ),
    ),
    "a column added in the middle of rows": Case(
        SHOP,
        (
            "ALTER TABLE users ADD COLUMN mail TEXT DEFAULT 'none'",
            "UPDATE users SET mail = 'a@b' WHERE id = 1",
            "UPDATE users SET score = 9 WHERE id = 3",
        ),
    ),
    "a column dropped": Case(SHOP, ("ALTER TABLE users DROP COLUMN score", "DELETE FROM orders WHERE id = 4")),
    "a column renamed": Case(
        SHOP, ("ALTER TABLE users RENAME COLUMN score TO points", "UPDATE users SET points = 3 WHERE id = 1")
    ),
    "a table renamed": Case(TREE, ("ALTER TABLE node RENAME TO knot", "INSERT INTO knot VALUES (5, 4, 'twig')")),
    "views, indexes and triggers": Case(
        SHOP,
        (
            "DROP VIEW named",
            "CREATE VIEW named AS SELECT name FROM users",
            "CREATE VIEW other AS SELECT * FROM named",
            "DROP INDEX orders_user",
            "CREATE INDEX orders_user ON orders(user, what)",
            "CREATE UNIQUE INDEX users_score ON users(score)",
            "DROP TRIGGER gone",
            "CREATE TRIGGER gone BEFORE DELETE ON orders BEGIN INSERT INTO log VALUES ('before'); END",
            "UPDATE users SET score = 7 WHERE id = 1",
        ),
    ),
    "a table renamed in case alone": Case(
        SHOP,
        (
            "ALTER TABLE users RENAME TO passing",
            "ALTER TABLE passing RENAME TO USERS",
            "INSERT INTO users(name) VALUES ('zoe')",
            "DELETE FROM orders WHERE id = 1",
        ),
    ),
    "all names in another case": Case(
        (
            "CREATE TABLE Kind (Id INTEGER PRIMARY KEY AUTOINCREMENT, Name TEXT, Rank)",
            "CREATE TABLE Bare (Name)",
            "CREATE INDEX Kind_Rank ON Kind(Rank)",
            "CREATE VIEW Shown AS SELECT Name FROM Kind",
            "CREATE TRIGGER Noted AFTER INSERT ON Kind BEGIN INSERT INTO Bare VALUES (new.Name); END",
            "INSERT INTO Kind(Name, Rank) VALUES ('a', 1), ('b', 2)",
        ),
        (
            "DROP VIEW Shown",
            "DROP TRIGGER Noted",
            "DROP INDEX Kind_Rank",
            "ALTER TABLE Kind RENAME TO passing",
            "ALTER TABLE passing RENAME TO kind",
            "ALTER TABLE kind RENAME COLUMN Name TO passing",
            "ALTER TABLE kind RENAME COLUMN passing TO NAME",
            "CREATE INDEX KIND_RANK ON KIND(RANK)",
            "CREATE VIEW SHOWN AS SELECT NAME FROM KIND",
            "CREATE TRIGGER NOTED AFTER INSERT ON KIND BEGIN INSERT INTO BARE VALUES (NEW.NAME); END",
            "UPDATE kind SET NAME = 'c' WHERE id = 2",
            "INSERT INTO kind(NAME, rank) VALUES ('d', 4)",
        ),
    ),
    "virtual tables renamed in case alone": Case(
        (*TEXTS, *BOXES),
        (
            "ALTER TABLE docs RENAME TO passing",
            "ALTER TABLE passing RENAME TO Docs",
            "INSERT INTO docs VALUES ('four', 'green hen')",
            "ALTER TABLE boxes RENAME TO passing",
            "ALTER TABLE passing RENAME TO BOXES",
            "DELETE FROM boxes WHERE id > 150",
        ),
    ),
    "full text with other arguments": Case(
        TEXTS,
        (
            "DROP TABLE docs",
            "CREATE VIRTUAL TABLE docs USING fts5(title, body, tokenize='porter', prefix='2')",
            "INSERT INTO docs VALUES ('one', 'red foxes'), ('five', 'foxes')",
        ),
    ),
    "an empty table with a trigger gets a column": Case(
        (
            "CREATE TABLE bare (a)",
            "CREATE TABLE log (text)",
            "CREATE TRIGGER noted AFTER INSERT ON bare BEGIN INSERT INTO log VALUES (new.a); END",
        ),
        ("ALTER TABLE bare ADD COLUMN b", "INSERT INTO log VALUES ('x')"),
    ),
    "settings": Case(TREE, ("PRAGMA user_version = 42", "PRAGMA application_id = -7", "DELETE FROM node WHERE id = 4")),
    "full text comes": Case(TREE, TEXTS),
    "boxes come": Case(TREE, BOXES),
    "a table loses its rowid": Case(
        ("CREATE TABLE kind (name TEXT PRIMARY KEY, x)", "INSERT INTO kind VALUES ('a', 1), ('b', 2)"),
        (
            "DROP TABLE kind",
            "CREATE TABLE kind (name TEXT PRIMARY KEY, x) WITHOUT ROWID",
            "INSERT INTO kind VALUES ('a', 1), ('c', 3)",
        ),
    ),
    "a constraint added": Case(
        (
            "CREATE TABLE seat (id INTEGER PRIMARY KEY, place)",
            "INSERT INTO seat VALUES (1, 10), (2, 20)",
            "CREATE VIEW places AS SELECT place FROM seat",
        ),
        (
            "PRAGMA legacy_alter_table = ON",
            "CREATE TABLE new (id INTEGER PRIMARY KEY, place UNIQUE NOT NULL)",
            "INSERT INTO new SELECT id, place + 1 FROM seat",
            "DROP TABLE seat",
            "ALTER TABLE new RENAME TO seat",
        ),
    ),
    "a parent table rebuilt": Case(
        SHOP,
        (
            "ALTER TABLE users ADD COLUMN born",
            "INSERT INTO users(name, born) VALUES ('zoe', 1990)",
            "INSERT INTO orders(user) VALUES (4)",
        ),
    ),
    "strict comes": Case(
        ("CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT)", "INSERT INTO t VALUES (1, 'x'), (2, NULL)"),
        (
            "DROP TABLE t",
            "CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT) STRICT",
            "INSERT INTO t VALUES (1, 'x'), (3, 'y')",
        ),
    ),
    "sequences come": Case(
        ("CREATE TABLE t (id INTEGER PRIMARY KEY, a)", "INSERT INTO t VALUES (5, 'x')"),
        ("CREATE TABLE u (id INTEGER PRIMARY KEY AUTOINCREMENT, a)", "INSERT INTO u VALUES (9, 'x')", "DELETE FROM u"),
    ),
}

ALL: dict[str, Case] = {**ROWS, **SCHEMAS}
