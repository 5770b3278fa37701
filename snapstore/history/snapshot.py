"""A snapshot: the record that names the manifest of each database, and when, whence and after what.

It is stored as JSON, keys sorted, in UTF-8 (docs/format.md). Its object id is the snapshot's id.
"""

from __future__ import annotations

from snapstore import quick_json
from snapstore.ids import object_id
from snapstore.records import Record

FORMAT = 1
SAFETY, FORENSIC = "safety", "forensic"  # kinds of snapshots kept on the way, by a restore and by a failed verify


DEFAULT = "default"  # the name of a project's only database


class DatabaseRecord(Record):
    """One database in a snapshot.

    `content` is the manifest's id in hex; `origin` the real path it was read from; `schema` a hash of
    the schema's text, `layout` of the schema with its root pages (database/schema.py), `journal_mode` the one it had.
    """

    content: str
    page_size: int
    page_count: int
    origin: str
    journal_mode: str
    schema: str
    layout: str
    reserved_bytes: int
    text_encoding: int
    user_version: int
    application_id: int
    tables: tuple[str, ...]

    @property
    def image_bytes(self) -> int:
        """The length of the image."""
        return self.page_size * self.page_count

    @property
    def manifest(self) -> bytes:
        """The id of the manifest."""
        return bytes.fromhex(self.content)


class Snapshot(Record):
    """What `encode` stores; ids in hex, `created` as timestamps.now gives it, `kind` what made it."""

    databases: dict[str, DatabaseRecord]
    parent: str | None
    created: str
    kind: str
    message: str = ""
    tool: str = ""
    nonce: str = ""

    def encode(self) -> bytes:
        """Return the bytes that are stored."""
        databases = {name: database._asdict() for name, database in self.databases.items()}
        record = {"format": FORMAT, **self._asdict(), "databases": databases}
        return quick_json.dumps(record, sort_keys=True, separators=(",", ":")).encode()

    @classmethod
    def decode(cls, data: bytes) -> Snapshot:
        """Read what `encode` wrote. Raises ValueError."""
        try:
            record = quick_json.loads(data)
            if record.pop("format") > FORMAT:
                raise ValueError("snapshot of a newer format")
            databases = {
                name: DatabaseRecord(**{**fields, "tables": tuple(fields["tables"])})
                for name, fields in record.pop("databases").items()
            }
            return cls(databases=databases, **record)
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"not a snapshot record: {error}") from error

    @property
    def image_bytes(self) -> int:
        """The length of all its databases."""
        return sum(database.image_bytes for database in self.databases.values())

    @property
    def origin(self) -> str:
        """What names the project that its databases would be."""
        return origin_text({name: database.origin for name, database in self.databases.items()})

    @property
    def content(self) -> str:
        """The content id of the whole: that of its only database, else a hash over all of them."""
        if len(self.databases) == 1:
            return next(iter(self.databases.values())).content
        named = [f"{name}={database.content}" for name, database in sorted(self.databases.items())]
        return object_id("\n".join(named).encode()).hex()


def origin_text(paths: dict[str, str]) -> str:
    """Return what names a project, of the paths of its databases as text."""
    if list(paths) == [DEFAULT]:
        return paths[DEFAULT]
    return "\n".join(f"{name}={path}" for name, path in sorted(paths.items()))
