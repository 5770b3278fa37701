"""The folder in which one database is measured, with the file that changes and the file that does not."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass, field, replace

from benchmarks.changes import Changer
from benchmarks.pages import differing_pages
from benchmarks.peers import BorgRepository, Repository, ResticRepository, SnapStore, Tools
from benchmarks.timing import Place, run


class WrongResult(Exception):
    """A measured program gave a wrong result."""


@dataclass(frozen=True)
class Ground:
    """The place to measure one database: `live` is in use, `pristine` is as it was built, in the same journal mode."""

    tools: Tools
    place: Place
    journal_mode: str
    rounds: int
    changer: Changer = field(default_factory=Changer)

    @property
    def live(self) -> str:
        """The database that tests change."""
        return os.path.join(self.place.folder, "live.db")

    @property
    def pristine(self) -> str:
        """The database as it was built."""
        return os.path.join(self.place.folder, "pristine.db")

    @property
    def copy(self) -> str:
        """The file that peers copy the live database to."""
        return os.path.join(self.place.folder, "copy.db")

    @property
    def store(self) -> SnapStore:
        """The store of snapstore."""
        return SnapStore(self.tools.snap, self.live, os.path.join(self.place.folder, "store"))

    @property
    def warm(self) -> Place:
        """The place, with both databases to be read into memory."""
        return replace(self.place, warm=(self.pristine, self.live))

    def printed(self, name: str) -> str:
        """Return the file for the output of a process that is checked."""
        return os.path.join(self.place.folder, f"{name.replace(' ', '_')}.txt")

    def repositories(self) -> list[Repository]:
        """Return the store of snapstore and the repositories of the peers that are installed."""
        found: list[Repository] = [self.store]
        if restic := self.tools.found.get("restic"):
            found.append(ResticRepository(restic, self.live, os.path.join(self.place.folder, "restic"), self.place))
        if borg := self.tools.found.get("borg"):
            found.append(BorgRepository(borg, self.live, os.path.join(self.place.folder, "borg"), self.place))
        return found

    def change(self) -> None:
        """Make the changes of one test in the live database."""
        self.changer.change(self.live)

    def snap(self, *arguments: str) -> None:
        """Run `snap` without measuring it."""
        run(self.store.command(*arguments), self.place)

    def remove(self, path: str) -> None:
        """Remove a copy, so that the next one is written to a new file."""
        for end in ("", "-wal", "-shm", "-journal"):
            if os.path.exists(path + end):
                os.remove(path + end)

    def copy_pristine(self) -> None:
        """Replace the copy by the database as it was built."""
        self.remove(self.copy)
        shutil.copyfile(self.pristine, self.copy)

    def check_same(self, what: str, one: str, other: str) -> None:
        """Compare page by page. Raises WrongResult."""
        if wrong := differing_pages(one, other):
            raise WrongResult(f"after {what}: wrong pages: {wrong}")

    def check_journal_mode(self, what: str) -> None:
        """Check that the live database still has its journal mode. Raises WrongResult."""
        with open(self.live, "rb") as live, open(self.pristine, "rb") as pristine:
            if live.read(20)[18:] != pristine.read(20)[18:]:
                raise WrongResult(f"after {what}: the journal mode of the database has changed")

    def start_over(self) -> None:
        """Replace the live database by the one that was built."""
        self.remove(self.live)
        shutil.copyfile(self.pristine, self.live)


def fresh(folder: str) -> None:
    """Empty a folder."""
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
