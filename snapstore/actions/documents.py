"""Results as JSON has them: what the command line prints with --json, and what a session answers."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from snapstore.actions.differences import RowDifference
    from snapstore.actions.leaks import Leak
    from snapstore.actions.show import Shown, ShownDatabase
    from snapstore.actions.verify import VerifiedDatabase, VerifyResult
    from snapstore.database.diff import SchemaChange
    from snapstore.database.record import Value

EXACT = 1 << 53  # past it, readers of JSON that know only floats would round


def plain(value: Any) -> Any:
    """Return dataclasses and named tuples as dicts, as JSON has them."""
    if fields := getattr(value, "__dataclass_fields__", None):
        return {name: plain(getattr(value, name)) for name in fields}
    if hasattr(value, "_asdict"):
        return plain(value._asdict())
    if isinstance(value, dict):
        return {key: plain(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(one) for one in value]
    return value


def plain_value(value: Value) -> Any:
    """Return a value of a row: blobs and inexact integers as objects."""
    if isinstance(value, bytes):
        import base64

        return {"blob": base64.b64encode(value).decode(), "bytes": len(value)}
    if isinstance(value, int) and not -EXACT <= value <= EXACT:
        return {"int": str(value)}
    if isinstance(value, float) and value - value != 0:  # an infinity, which JSON has not
        return {"float": "inf" if value > 0 else "-inf"}
    if isinstance(value, str) and not value.isascii():
        from snapstore.database.record import is_valid_text

        if not is_valid_text(value):
            return {"text": value.encode("utf-8", "backslashreplace").decode()}
    return value


def row_document(row: RowDifference) -> dict[str, Any]:
    """Return a row difference."""
    return {
        "table": row.table,
        "key": _values(row.key),
        "change": row.change,
        "before": _values(row.before),
        "after": _values(row.after),
        "columns": list(row.columns),
    }


def schema_document(change: SchemaChange) -> dict[str, Any]:
    """Return a schema change."""
    return {
        "type": change.type,
        "name": change.name,
        "table": change.table,
        "change": change.change,
        "before": change.before,
        "after": change.after,
    }


def verify_document(result: VerifyResult) -> dict[str, Any]:
    """Return what `verify` found."""
    return {
        "verdict": result.verdict,
        "ok": result.ok,
        "against": result.against,
        "restored": result.restored,
        "forensic": result.forensic,
        "label": result.label,
        "databases": {name: verified_document(one) for name, one in result.databases.items()},
        "seconds": result.seconds,
    }


def verified_document(one: VerifiedDatabase) -> dict[str, Any]:
    """Return what was found of one database."""
    return {
        "verdict": one.verdict,
        "tables": plain(one.tables),
        "rows": [row_document(row) for row in one.rows],
        "rows_left_out": one.rows_left_out,
        "leaks": [_leak_document(leak) for leak in one.leaks],
        "schema": [schema_document(change) for change in one.schema],
        "drift": plain(one.drift),
    }


def show_document(shown: Shown) -> dict[str, Any]:
    """Return what a snapshot holds."""
    return {
        "snapshot": shown.row.id,
        "names": list(shown.names),
        "created": shown.row.created,
        "message": shown.row.message,
        "kind": shown.row.kind,
        "parent": shown.snapshot.parent,
        "content": shown.row.content,
        "bytes": shown.row.bytes,
        "stored_bytes": shown.row.stored_bytes,
        "databases": {name: _shown_database(one) for name, one in shown.databases.items()},
    }


def skipped_document(reason: str) -> dict[str, Any]:
    """Return what a backup or restore comes to that was switched off."""
    return {
        "skipped": True,
        "reason": reason,
        "snapshot": None,
        "name": None,
        "created": None,
        "moved_from": None,
        "unchanged": True,
        "changed": False,
        "safety": None,
        "databases": {},
        "seconds": 0.0,
    }


def _shown_database(one: ShownDatabase) -> dict[str, Any]:
    record = one.record
    return {
        "content": record.content,
        "pages": record.page_count,
        "page_size": record.page_size,
        "bytes": record.image_bytes,
        "origin": record.origin,
        "journal_mode": record.journal_mode,
        "schema": record.schema,
        "user_version": record.user_version,
        "application_id": record.application_id,
        "tables": one.tables,
    }


def _leak_document(leak: Leak) -> dict[str, Any]:
    of = {"table": leak.of[0], "key": _values(leak.of[1])} if leak.of else None
    return {"table": leak.table, "key": _values(leak.key), "under": leak.under, "of": of}


def _values(row: dict[str, Any] | None) -> dict[str, Any] | None:
    return None if row is None else {name: plain_value(value) for name, value in row.items()}
