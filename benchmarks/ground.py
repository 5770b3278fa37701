"""Ground: the folder in which one database is measured, with the file that changes and the one that does not."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass, field, replace

from benchmarks.changes import Changer
from benchmarks.pages import differing_pages
from benchmarks.peers import BorgRepository, Repository, ResticRepository, SnapStore, Tools
from benchmarks.timing import Place, run


class WrongResult(Exception):
    """A program that was measured did not do what it was measured at."""


@dataclass(frozen=True)
class Ground:
    """`live` is the database in use, `pristine` the same as it was built, in the same journal mode."""

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
        """Our store."""
        return SnapStore(self.tools.snap, self.live, os.path.join(self.place.folder, "store"))

    @property
    def warm(self) -> Place:
        """The place, with both databases to be in memory."""
        return replace(self.place, warm=(self.pristine, self.live))

    def printed(self, name: str) -> str:
        """Return the file for what a process prints that is to be checked."""
        return os.path.join(self.place.folder, f"{name.replace(' ', '_')}.txt")

    def repositories(self) -> list[Repository]:
        """Return our store and the repositories of the peers that are installed."""
        found: list[Repository] = [self.store]
        if restic := self.tools.found.get("restic"):
            found.append(ResticRepository(restic, self.live, os.path.join(self.place.folder, "restic"), self.place))
        if borg := self.tools.found.get("borg"):
            found.append(BorgRepository(borg, self.live, os.path.join(self.place.folder, "borg"), self.place))
        return found

    def change(self) -> None:
        """Do to the live database what one test does."""
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
        """Make the copy anew, of the database as it was built."""
        self.remove(self.copy)
        shutil.copyfile(self.pristine, self.copy)

    def check_same(self, what: str, one: str, other: str) -> None:
        """Compare page by page. Raises WrongResult."""
        if wrong := differing_pages(one, other):
            raise WrongResult(f"after {what}: {wrong} pages are wrong")

    def check_journal_mode(self, what: str) -> None:
        """Look whether the live database is in the mode it was. Raises WrongResult."""
        with open(self.live, "rb") as live, open(self.pristine, "rb") as pristine:
            if live.read(20)[18:] != pristine.read(20)[18:]:
                raise WrongResult(f"after {what}: the database is in another journal mode")

    def start_over(self) -> None:
        """Make the live database anew."""
        self.remove(self.live)
        shutil.copyfile(self.pristine, self.live)


def fresh(folder: str) -> None:
    """Empty a folder."""
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
