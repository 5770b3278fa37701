"""Virtual tables whose shadow tables differ: SQLite checks them itself, on the pages of the image.

Only the module knows what its shadow tables have to say to each other. The cost is that of the virtual table.
"""

from __future__ import annotations

from snapstore.database.diff import ImageDiff
from snapstore.database.image import Image
from snapstore.database.virtual import changed_virtual_tables
from snapstore.errors import DatabaseCorrupt, SqlFailed

_SOUND = "ok"


def problem_of_virtual_tables(diff: ImageDiff, suspect: int) -> str | None:
    """Return what is wrong with a virtual table of one image that is sound in the other one."""
    images = diff.before, diff.after
    for name in changed_virtual_tables(diff):
        found = _checked(images[suspect], name)
        if found != _SOUND and _checked(images[1 - suspect], name) == _SOUND:
            return f"virtual table '{name}': {found}"
    return None


def _checked(image: Image, name: str) -> str:
    """Return what SQLite says; a module or a tokenizer that is not there makes it fail on both images."""
    from snapstore.database.image_vfs import ImageDatabase  # few comparisons need the second library

    try:
        with ImageDatabase(image) as database:
            return database.integrity(name)
    except (SqlFailed, DatabaseCorrupt) as error:
        return str(error)
