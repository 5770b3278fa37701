"""The steps of a patch: statements of SQL, each with what a reader may check."""

from __future__ import annotations

from typing import NamedTuple

ROW, KEPT, SCHEMA = "row", "kept", "schema"


class Step(NamedTuple):
    """A statement: ROW if it changes exactly one row, KEPT if it puts all rows back into `table`, else SCHEMA.

    `still` is the condition that a row which is deleted or updated has the values that it has in the state before; of
    a statement of SCHEMA, what holds afterwards.
    """

    sql: str
    kind: str = SCHEMA
    table: str = ""
    still: str = ""
