"""What a session's client returns: frozen dataclasses with the JSON keys as attributes.

Values of rows are Python's own again (`before`, `after`, `key`, the rows of a query). Imports nothing but the standard
library, since it runs inside the process under test.
"""

from snapstore.session.results.building import build, python_value
from snapstore.session.results.rows import Counts, Leak, LeakOf, Row, RowChange, SchemaChange
from snapstore.session.results.sessions import Info, TrackedDatabase
from snapstore.session.results.snapshots import (
    Deleted,
    Exported,
    Listed,
    Removed,
    Shown,
    ShownDatabase,
    Taken,
    TakenDatabase,
)
from snapstore.session.results.states import (
    Answer,
    Cleaned,
    CleanedDatabase,
    DatabaseDiff,
    DatabaseStatus,
    Diff,
    Restored,
    RestoredDatabase,
    Status,
    Verified,
    VerifiedDatabase,
)
from snapstore.session.results.suites import Attempt, Repaired, SuiteBegun, SuiteEnded, TestBegun, TestEnded

__all__ = [
    "Answer",
    "Attempt",
    "Cleaned",
    "CleanedDatabase",
    "Counts",
    "DatabaseDiff",
    "DatabaseStatus",
    "Deleted",
    "Diff",
    "Exported",
    "Info",
    "Leak",
    "LeakOf",
    "Listed",
    "Removed",
    "Repaired",
    "Restored",
    "RestoredDatabase",
    "Row",
    "RowChange",
    "SchemaChange",
    "Shown",
    "ShownDatabase",
    "Status",
    "SuiteBegun",
    "SuiteEnded",
    "Taken",
    "TakenDatabase",
    "TestBegun",
    "TestEnded",
    "TrackedDatabase",
    "Verified",
    "VerifiedDatabase",
    "build",
    "python_value",
]
