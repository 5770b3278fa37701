"""An image: one state of a database, read page by page, wherever the pages come from."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator

from snapstore.database.header import Header
from snapstore.database.record import ENCODINGS
from snapstore.errors import DatabaseCorrupt


class DamagedPage(Exception):
    """A page does not hold what it should; `Image.corrupt` turns this into the error that a user reads."""

    def __init__(self, pgno: int, detail: str) -> None:
        super().__init__(detail)
        self.pgno = pgno
        self.detail = detail


class EveryPage(Collection[int]):
    """All pages: what differs between images whose pages cannot be compared."""

    def __contains__(self, pgno: object) -> bool:
        return True

    def __iter__(self) -> Iterator[int]:
        return iter(())

    def __len__(self) -> int:
        return 1


class Image:
    """Pages counted from 1, each of `page_size` bytes; `label` is what messages call the database.

    `read` returns a page that exists; page 1 may be normalised. `expect` is told which pages will be read soon, so
    that they can be fetched together. `content` is the content id, None if it is unknown or may change.
    """

    def __init__(
        self,
        label: str,
        page_size: int,
        page_count: int,
        read: Callable[[int], bytes],
        expect: Callable[[list[int]], None] = lambda _: None,
        content: bytes | None = None,
    ) -> None:
        self.label = label
        self.page_size = page_size
        self.page_count = page_count
        self._read = read
        self.expect = expect
        self.content = content
        self.header = self._decode_header() if page_count else None
        self.usable = page_size - (self.header.reserved_bytes if self.header else 0)
        self.encoding = ENCODINGS[self.header.text_encoding if self.header else 0]

    def page(self, pgno: int) -> bytes:
        """Return a page. Raises DamagedPage if there is no such page."""
        if not 0 < pgno <= self.page_count:
            raise DamagedPage(pgno, f"is not among the {self.page_count} pages of the database")
        return self._read(pgno)

    def noting(self, seen: set[int]) -> Image:
        """Return the same image, but one that adds the pages that are read from it to `seen`."""

        def read(pgno: int) -> bytes:
            seen.add(pgno)
            return self._read(pgno)

        return Image(self.label, self.page_size, self.page_count, read, self.expect, self.content)

    def corrupt(self, error: DamagedPage, table: str = "") -> DatabaseCorrupt:
        """Return the error that names the page and its table."""
        of = f" of table '{table}'" if table else ""
        return DatabaseCorrupt(self.label, f"page {error.pgno}{of} {error.detail}")

    def _decode_header(self) -> Header:
        try:
            header = Header.decode(self._read(1))
            if header.text_encoding not in ENCODINGS:
                raise ValueError(f"its header says {header.text_encoding} for the text encoding")
        except ValueError as error:
            raise DatabaseCorrupt(self.label, str(error)) from error
        return header


def void(label: str) -> Image:
    """Return the empty database."""

    def nothing(pgno: int) -> bytes:
        raise AssertionError(pgno)

    return Image(label, 0, 0, nothing)
