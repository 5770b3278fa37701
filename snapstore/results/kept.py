"""The state that a test failed with, as it was kept. Every command that looks at the ledger loads this."""

from __future__ import annotations

from typing import NamedTuple

from snapstore.results.against import Against


class KeptState(NamedTuple):
    """The state that a test failed with: `snap restore NAME` brings it back.

    `name` is in the store of the project, and moves with the test's next failure; `snapshot` is what it names now.
    `label` is the test's, `began_with` the snapshot in that store that the test began with, None if it is not known.
    `remote` is where it is pushed at the end of the suite, under `remote_name`; None where it is not.
    """

    name: str
    snapshot: str
    label: str
    began_with: Against | None = None
    remote: str | None = None
    remote_name: str | None = None
