"""A patch as a script: a text that any reader of SQL applies as a whole, or that changes nothing.

    -- comments
    DROP, CREATE        a temporary table, the guard, with one trigger that rolls back
    BEGIN               and one row in the guard: where SQLite rolls back by itself, as on a full disk, it is gone
    UPDATE guard ...    a check: it counts itself as passed if the database is in the state that the patch starts from
    SAVEPOINT           before a statement on the schema: outside of the transaction it begins one
    ...                 a statement on a row, which takes effect only while the guard has its row
    UPDATE guard ...    a check: as many rows changed as statements were run; the objects are those of the other state
    INSERT guard ...    not all checks passed: everything is rolled back, with an error
    COMMIT, DROP        the transaction, the guard

A reader that stops at the first error never comes to COMMIT. One that goes on, such as the sqlite3 shell, comes to the
INSERT before it. No setting of the connection is changed. Where foreign keys are on, what their actions change besides
counts too, so the patch is rolled back.
"""

from __future__ import annotations

from collections.abc import Iterator

from snapstore.database.literals import literal, name
from snapstore.database.patch_step import KEPT, ROW, Step
from snapstore.database.record import is_valid_text
from snapstore.database.sql_patch import SqlPatch, free_name
from snapstore.database.sql_text import TextRefused, check_created, ends_in_line_comment, has_quoted_break
from snapstore.database.tables import SchemaRow
from snapstore.errors import PatchImpossible

GUARD = "snapstore_patch"
SAVEPOINT = "SAVEPOINT snapstore"
REFUSED = (
    "nothing was changed: the database is not in the state that the patch starts from, a statement failed, "
    "or a foreign key acted (PRAGMA foreign_keys = OFF)"
)
_MASTER = "main.sqlite_master"  # its newer name is unknown to releases before 3.33


class PatchScript:
    """Writes the script of a patch. Raises PatchImpossible if a name or a text cannot be written safely."""

    def __init__(self, patch: SqlPatch) -> None:
        self._patch = patch
        self._guard = f"temp.{free_name(GUARD, patch.schemas)}"
        self._gone, self._come = patch.objects()
        self._checks = 0
        self._check_texts()

    def statements(self) -> Iterator[str]:
        """Yield the statements, each without its semicolon."""
        guard = self._guard.removeprefix("temp.")
        if self._patch.is_unwritten:
            yield f"PRAGMA encoding = '{self._patch.encoding.replace('-le', 'le').replace('-be', 'be')}'"
        yield f"DROP TABLE IF EXISTS {self._guard}"
        yield f"CREATE TEMP TABLE {guard}(passed INTEGER, changes INTEGER)"
        yield (
            f"CREATE TEMP TRIGGER {guard}_end BEFORE INSERT ON {guard} WHEN NEW.passed <> 0"
            f" BEGIN SELECT RAISE(ROLLBACK, '{REFUSED}'); END"
        )
        yield "BEGIN"
        yield "PRAGMA defer_foreign_keys = ON"  # until COMMIT: rows go before the rows that refer to them
        yield f"INSERT INTO {self._guard} VALUES (0, 0)"
        yield from self._checked_before()
        yield from self._body()
        yield from self._checked_after()
        yield f"INSERT INTO {self._guard} SELECT coalesce(max(passed), -1) - {self._checks}, 0 FROM {self._guard}"
        yield "COMMIT"
        yield f"DROP TABLE {self._guard}"

    def _body(self) -> Iterator[str]:
        changes = 0
        for step in self._patch.steps():
            if step.kind == ROW and not changes:
                yield f"UPDATE {self._guard} SET changes = total_changes()"
            elif step.kind != ROW and changes:
                yield self._counted(changes)
            changes = changes + 1 if step.kind == ROW else 0
            yield from self._guarded(step)
        if changes:
            yield self._counted(changes)

    def _guarded(self, step: Step) -> Iterator[str]:
        if step.kind == ROW and step.sql.startswith("INSERT"):
            yield f"{step.sql} FROM {self._guard}"
            return
        if step.kind == ROW:
            still = f" AND {step.still}" if step.still else ""
            yield f"{step.sql}{still} AND EXISTS (SELECT 1 FROM {self._guard})"
            return
        yield SAVEPOINT
        yield step.sql + "\n" if ends_in_line_comment(step.sql) else step.sql
        if step.still:
            yield self._passed(step.still)
        if step.kind == KEPT:
            kept = f"SELECT count(*) FROM temp.{self._patch.kept}"
            yield self._passed(f"(SELECT count(*) FROM {name(step.table)}) = ({kept})")
        elif "\r\n" in step.sql and step.sql.startswith("CREATE "):
            yield from self._with_breaks(step.sql)

    def _with_breaks(self, sql: str) -> Iterator[str]:
        """Give a text its line breaks back: the sqlite3 shell reads CR LF as LF."""
        row = next((row for row in self._come if row.sql == sql), None)
        if row is None or has_quoted_break(sql):
            return  # a helper table; a text that means something else by now, which could not even be read again
        yield "PRAGMA writable_schema = ON"
        yield (
            f"UPDATE {_MASTER} SET sql = {self._literal(sql)} WHERE {self._named(row)}"
            f" AND sql = {self._literal(sql.replace(chr(13) + chr(10), chr(10)))}"
        )
        yield "PRAGMA writable_schema = RESET"

    def _counted(self, changes: int) -> str:
        return self._passed(f"total_changes() - changes = {changes + 1}")

    def _checked_before(self) -> Iterator[str]:
        for row in dict.fromkeys((*self._gone, *self._patch.tables_that_stay())):  # a name without a column is a text
            yield self._passed(self._is_there(row))
        if any("\r\n" in one for one in (*self._patch.names(), *(row.name for row in (*self._gone, *self._come)))):
            yield self._passed("length('\r\n') = 2")  # the sqlite3 shell would read another name
        for row in self._come:
            if not any(row.type == one.type and row.name == one.name for one in self._gone):
                yield self._passed(f"NOT EXISTS (SELECT 1 FROM {_MASTER} WHERE {self._named(row)})")
        if self._patch.drops_parents():
            yield self._passed("(SELECT foreign_keys FROM pragma_foreign_keys) = 0")
        for setting in self._patch.settings():
            yield self._passed(f"(SELECT {setting.name} FROM pragma_{setting.name}) = {setting.before}")

    def _checked_after(self) -> Iterator[str]:
        for row in self._come:
            yield self._passed(self._is_there(row))
        for row in self._gone:
            if not any(row.type == one.type and row.name == one.name for one in self._come):
                yield self._passed(f"NOT EXISTS (SELECT 1 FROM {_MASTER} WHERE {self._named(row)})")

    def _is_there(self, row: SchemaRow) -> str:
        return f"EXISTS (SELECT 1 FROM {_MASTER} WHERE {self._named(row)} AND sql = {self._literal(row.sql)})"

    def _named(self, row: SchemaRow) -> str:
        return f"type = '{row.type}' AND name = {self._literal(row.name)}"

    def _passed(self, condition: str) -> str:
        self._checks += 1
        return f"UPDATE {self._guard} SET passed = passed + 1 WHERE {condition}"

    def _literal(self, text: str | None) -> str:
        return literal(text, self._patch.encoding)

    def _check_texts(self) -> None:
        for row in self._come:
            try:
                check_created(row.type, row.name, row.sql or "")
            except TextRefused as error:
                raise PatchImpossible(f"the text of {row.type} '{row.name}' is not safe to run: {error}") from error
        for one in self._patch.names():
            if not is_valid_text(one) or "\0" in one:
                raise PatchImpossible(f"the name '{one}' is not valid text")
