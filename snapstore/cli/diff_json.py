"""A diff as one JSON document, written as the rows are drawn."""

from __future__ import annotations

import json
from collections.abc import Iterator

from snapstore.actions.diff import Diff
from snapstore.actions.differences import Counts, DatabaseDifference
from snapstore.actions.documents import plain, row_document, schema_document


class JsonDiff:
    """Writes a diff; `limit` rows of each table, None for all."""

    def __init__(self, limit: int | None) -> None:
        self._limit = limit
        self._left_out = 0

    def pieces(self, diff: Diff, *, stat: bool, schema: bool) -> Iterator[str]:
        """Yield the document in pieces."""
        yield f'{{\n  "from": {json.dumps(diff.before.id)},\n  "to": {json.dumps(diff.after.id)},\n  "databases": {{'
        for number, database in enumerate(diff.databases):
            yield f"{',' if number else ''}\n    {json.dumps(database.name)}: {{"
            yield from self._database(database, stat=stat, schema=schema)
            yield "\n    }"
        ends = {"identical": diff.identical, "truncated": bool(self._left_out), "rows_left_out": self._left_out}
        yield "\n  }," + json.dumps(ends, indent=2)[1:-2] + "\n}\n"

    def _database(self, database: DatabaseDifference, *, stat: bool, schema: bool) -> Iterator[str]:
        changes = [schema_document(change) for change in database.schema]
        yield f'\n      "schema": {json.dumps(changes)},\n      "rows": ['
        counts: dict[str, Counts] = {}
        written = False
        for table in () if schema else database.tables:
            shown = 0
            for row in table.rows():
                if stat:
                    continue
                if self._limit is not None and shown >= self._limit:
                    self._left_out += 1
                    continue
                yield f"{',' if written else ''}\n        {json.dumps(row_document(row))}"
                written, shown = True, shown + 1
            if table.counts:
                counts.setdefault(table.name, Counts()).add(table.counts)
        sequences = {} if schema else {name: list(pair) for name, pair in database.sequences.items()}
        yield "\n      ],\n" if written else "],\n"
        yield f'      "tables": {json.dumps(plain(counts))},\n      "sequences": {json.dumps(sequences)}'
