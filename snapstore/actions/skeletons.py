"""Skeletons: those of snapshots are kept in the store, so that the next comparison need not walk b-trees.

A file that is missing, cut short, damaged or of another version is none, and made anew. Nothing needs them: they are
neither synced nor missed where they cannot be written, and the ones that were used last stay.
"""

from __future__ import annotations

import os
from contextlib import suppress

from snapstore.database.image import Image
from snapstore.database.skeleton import Skeleton, kept_of
from snapstore.files import temporary_beside, write_all
from snapstore.store import Store

FOLDER, SUFFIX = "skeletons", ".skeleton"
LEAST_INTERIOR_PAGES = 32  # fewer are walked as quickly
MOST_FILES = 16
MOST_BYTES = 256 << 20  # together; one has 8 bytes for each page of the image


def is_sound(name: str, data: bytes) -> bool:
    """Tell whether bytes are those of a skeleton that this release can read, under the name of its manifest."""
    return kept_of(data) == name


class SkeletonShelf:
    """The place of the skeleton of one manifest."""

    def __init__(self, store: Store, manifest: bytes) -> None:
        self._manifest = manifest
        self._folder = os.path.join(store.path, FOLDER)
        self._path = os.path.join(self._folder, manifest.hex() + SUFFIX)

    def load(self, image: Image) -> Skeleton | None:
        """Return what was kept, None where it is not good."""
        try:
            with open(self._path, "rb") as file:
                data = file.read()
            found = Skeleton.decode(image, self._manifest, data)
        except (OSError, ValueError):
            return None
        with suppress(OSError):
            os.utime(self._path)
        return found

    def save(self, skeleton: Skeleton) -> None:
        """Keep a skeleton that is worth it."""
        if skeleton.interior_pages < LEAST_INTERIOR_PAGES:
            return
        data = skeleton.encode(self._manifest)
        if len(data) > MOST_BYTES:
            return
        with suppress(OSError):
            os.makedirs(self._folder, exist_ok=True)
            self._write(data)
            self._forget_oldest()

    def _write(self, data: bytes) -> None:
        """Put the file there at once, for whoever reads it meanwhile."""
        temporary = temporary_beside(self._path)
        fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
        try:
            try:
                write_all(fd, data)
            finally:
                os.close(fd)
            os.rename(temporary, self._path)
        except BaseException:
            with suppress(OSError):
                os.unlink(temporary)
            raise

    def _forget_oldest(self) -> None:
        """Remove the files that were used longest ago, and what a process that was killed left among them."""
        with os.scandir(self._folder) as entries:
            found = sorted(((entry.stat(), entry.path) for entry in entries), key=lambda one: one[0].st_mtime_ns)
        total = 0
        for number, (stat, path) in enumerate(reversed(found)):
            total += stat.st_size
            if number >= MOST_FILES or total > MOST_BYTES:
                os.unlink(path)
