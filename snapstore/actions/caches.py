"""Caches: the files of a store that only save work, `skeletons/` and `sightings/`, looked over for fsck and doctor.

Nothing needs them. One that is not what it should be is passed over by who would read it, and made anew; here it is
said, as no harm, and `fsck --heal` removes it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass

from snapstore.actions import sightings, skeletons

_IS_SOUND: dict[str, tuple[str, Callable[[str, bytes], bool]]] = {
    skeletons.FOLDER: (skeletons.SUFFIX, skeletons.is_sound),
    sightings.FOLDER: (sightings.SUFFIX, sightings.is_sound),
}
CACHES = tuple(_IS_SOUND)


@dataclass(frozen=True)
class Caches:
    """How many files there are and their bytes; `useless` are those, relative to the store, that mean nothing."""

    files: int = 0
    bytes: int = 0
    useless: tuple[str, ...] = ()


NO_CACHES = Caches()


def examine_caches(store: str) -> Caches:
    """Read every file of the caches."""
    found = list(_files(store))
    useless = tuple(name for name, size in found if size is None)
    return Caches(len(found), sum(size or 0 for _, size in found), useless)


def remove_useless(store: str) -> list[str]:
    """Remove the files that mean nothing; return those that went."""
    gone = []
    for name in examine_caches(store).useless:
        with suppress(OSError):
            os.unlink(os.path.join(store, name))
            gone.append(name)
    return gone


def _files(store: str) -> Iterator[tuple[str, int | None]]:
    """Yield each file, relative to the store, and its bytes, None for one that means nothing."""
    for folder, (suffix, is_sound) in _IS_SOUND.items():
        place = os.path.join(store, folder)
        if os.path.lexists(place) and not os.path.isdir(place):
            yield folder, None
            continue
        names: list[str] = []
        with suppress(OSError):
            names = sorted(os.listdir(place))
        for name in names:
            if name.endswith(suffix):
                yield os.path.join(folder, name), _sound_bytes(os.path.join(place, name), suffix, is_sound)


def _sound_bytes(path: str, suffix: str, is_sound: Callable[[str, bytes], bool]) -> int | None:
    try:
        with open(path, "rb") as file:
            data = file.read()
    except FileNotFoundError:
        return 0  # removed since by who keeps only the last ones
    except OSError:
        return None
    return len(data) if is_sound(os.path.basename(path).removesuffix(suffix), data) else None
