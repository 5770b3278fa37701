"""A cache of walked b-trees, for a process that compares with the same images again and again.

The key is the content id of an image, so an entry never becomes wrong. A process that runs one command has no use for
it. A session sets one on its store (session/facade.py).
"""

from __future__ import annotations

from snapstore.database.image import Image
from snapstore.database.walked_tree_map import Trees, WalkedTreeMap

_MOST_IMAGES = 4
_MOST_PAGES = 1 << 24  # of all images together: 64 MiB of parents


class TreeMapCache:
    """The trees of the images that were used last."""

    def __init__(self) -> None:
        self._trees: dict[bytes, Trees] = {}

    def load(self, image: Image) -> WalkedTreeMap | None:
        """Return the tree map of an image, None if its trees are not known."""
        if image.content is None or (trees := self._trees.pop(image.content, None)) is None:
            return None
        self._trees[image.content] = trees  # it is the newest now
        return WalkedTreeMap(image, trees)

    def save(self, found: WalkedTreeMap) -> None:
        """Keep the trees of an image that has a content id, and forget those that were used longest ago."""
        if found.image.content is None or found.is_shared:
            return
        self._trees.pop(found.image.content, None)
        self._trees[found.image.content] = found.trees()
        while len(self._trees) > _MOST_IMAGES or sum(len(one.parents) for one in self._trees.values()) > _MOST_PAGES:
            del self._trees[next(iter(self._trees))]

    def clear(self) -> None:
        """Forget everything."""
        self._trees.clear()
