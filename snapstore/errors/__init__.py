"""Every error a user can meet: one class for each cause, with its message, its facts, its exit code and its hint.

| module | errors of | exit codes |
|---|---|---|
| usage.py | arguments | 2 |
| processes.py | hooks, a session's process, the demo | 1, 70 |
| store.py | the store | 10, 11, 20 |
| revisions.py | revisions and names | 12 |
| configuration.py | the configuration | 13 |
| refused.py | guards | 14 |
| database.py | SQL and the live database | 2, 11, 15, 70 |
| files.py | the file system, memory | 11, 16 |
| trees.py | the files beside the databases | 14 |
| git.py | Git and its hooks | 14 |
| remotes.py | remotes | 10, 11, 12, 13, 14, 17, 20 |

Messages are lower case without a full stop, say what failed first, and put its subject in single quotes, as git's do.
"""

from __future__ import annotations

from snapstore.errors.base import SnapError
from snapstore.errors.configuration import ConfigurationError, NoDatabaseNamed, UnknownRule, UntrustedConfiguration
from snapstore.errors.database import (
    DatabaseCorrupt,
    DatabaseLocked,
    DatabaseMissing,
    DatabaseUnreadable,
    DatabaseUnusable,
    NotADatabase,
    RecoveryNeeded,
    RestoreMismatch,
    SqlFailed,
    SqliteFailed,
)
from snapstore.errors.files import DiskFull, FileError, FilesChanging, OutOfMemory
from snapstore.errors.git import CannotFollow, GitUnusable
from snapstore.errors.processes import DemoFailed, HookFailed, SessionEnded, TrackerMismatch
from snapstore.errors.refused import (
    AccessLost,
    BaselineNotMade,
    CleanImpossible,
    DatabaseInUse,
    DatabaseReadOnly,
    EmptyPolicy,
    InsideStore,
    LiveDatabaseTarget,
    MayBeInUse,
    NameExists,
    NamePinned,
    NeverRight,
    NotAStore,
    NotConfirmed,
    NothingToUndo,
    OtherNameInUse,
    OutOfOrder,
    PatchImpossible,
    PatchRefused,
    Refused,
    RunInProgress,
    SeveralNames,
    SnapshotInUse,
    SqliteTooOld,
    StoreInUse,
    StoreTooNew,
    StoreTooOpen,
    TooLarge,
    WouldOverwrite,
    WouldRemoveEverything,
    WrongDatabase,
)
from snapstore.errors.remotes import (
    CannotSign,
    CredentialsMissing,
    ExtraMissing,
    NoRemote,
    NotARemote,
    NotFastForward,
    OtherProject,
    RemoteBusy,
    RemoteDamaged,
    RemoteNotEmpty,
    RemotePinned,
    RemoteReadOnly,
    RemoteRefused,
    RemoteRewound,
    RemoteTooNew,
    RemoteUnreachable,
    RemoteUnsafe,
    RemoteUnsigned,
    UnknownOnRemote,
)
from snapstore.errors.revisions import AmbiguousRevision, BadName, SnapshotForgotten, UnknownRevision, UnknownTest
from snapstore.errors.store import (
    NoBaseline,
    NoSnapshot,
    NoStore,
    NothingToRestore,
    SnapshotFreed,
    StoreDamaged,
    StoreLocked,
)
from snapstore.errors.trees import TreeInTheWay, TreeNotConfigured, TreeRefused, TreeTooLarge, WrongFiles
from snapstore.errors.usage import InvalidArgument, NothingNamed

__all__ = [
    "AccessLost",
    "AmbiguousRevision",
    "BadName",
    "BaselineNotMade",
    "CannotFollow",
    "CannotSign",
    "CleanImpossible",
    "ConfigurationError",
    "CredentialsMissing",
    "DatabaseCorrupt",
    "DatabaseInUse",
    "DatabaseLocked",
    "DatabaseMissing",
    "DatabaseReadOnly",
    "DatabaseUnreadable",
    "DatabaseUnusable",
    "DemoFailed",
    "DiskFull",
    "EmptyPolicy",
    "ExtraMissing",
    "FileError",
    "FilesChanging",
    "GitUnusable",
    "HookFailed",
    "InsideStore",
    "InvalidArgument",
    "LiveDatabaseTarget",
    "MayBeInUse",
    "NameExists",
    "NamePinned",
    "NeverRight",
    "NoBaseline",
    "NoDatabaseNamed",
    "NoRemote",
    "NoSnapshot",
    "NoStore",
    "NotADatabase",
    "NotARemote",
    "NotAStore",
    "NotConfirmed",
    "NotFastForward",
    "NothingNamed",
    "NothingToRestore",
    "NothingToUndo",
    "OtherNameInUse",
    "OtherProject",
    "OutOfMemory",
    "OutOfOrder",
    "PatchImpossible",
    "PatchRefused",
    "RecoveryNeeded",
    "Refused",
    "RemoteBusy",
    "RemoteDamaged",
    "RemoteNotEmpty",
    "RemotePinned",
    "RemoteReadOnly",
    "RemoteRefused",
    "RemoteRewound",
    "RemoteTooNew",
    "RemoteUnreachable",
    "RemoteUnsafe",
    "RemoteUnsigned",
    "RestoreMismatch",
    "RunInProgress",
    "SessionEnded",
    "SeveralNames",
    "SnapError",
    "SnapshotForgotten",
    "SnapshotFreed",
    "SnapshotInUse",
    "SqlFailed",
    "SqliteFailed",
    "SqliteTooOld",
    "StoreDamaged",
    "StoreInUse",
    "StoreLocked",
    "StoreTooNew",
    "StoreTooOpen",
    "TooLarge",
    "TrackerMismatch",
    "TreeInTheWay",
    "TreeNotConfigured",
    "TreeRefused",
    "TreeTooLarge",
    "UnknownOnRemote",
    "UnknownRevision",
    "UnknownRule",
    "UnknownTest",
    "UntrustedConfiguration",
    "WouldOverwrite",
    "WouldRemoveEverything",
    "WrongDatabase",
    "WrongFiles",
]
