"""A page as html.parser reads it, with its nesting and its ids checked."""

from __future__ import annotations

from html.parser import HTMLParser

VOID = {"meta", "input", "br", "hr", "img", "link"}
FORBIDDEN = {"script", "link", "img", "iframe", "object", "embed", "base", "form", "audio", "video", "svg"}


class Element:
    """An element with its attributes, its children and all text in it."""

    def __init__(self, tag: str, attributes: dict[str, str], parent: Element | None) -> None:
        self.tag = tag
        self.attributes = attributes
        self.parent = parent
        self.text = ""
        self.children: list[Element] = []

    def find(self, tag: str, **attributes: str) -> list[Element]:
        """Return the elements below of a tag, with these attributes."""
        found = [
            child
            for child in self.children
            if child.tag == tag and all(child.attributes.get(name) == value for name, value in attributes.items())
        ]
        return found + [deeper for child in self.children for deeper in child.find(tag, **attributes)]


class Page(HTMLParser):
    """Fails at the first tag that is not closed where it should be, and at one that is `FORBIDDEN` and not allowed."""

    def __init__(self, source: str, allowed: frozenset[str] = frozenset()) -> None:
        super().__init__()
        self._forbidden = FORBIDDEN - allowed
        self.root = Element("", {}, None)
        self.all: list[Element] = []
        self._open = [self.root]
        self.feed(source)
        self.close()
        assert self._open == [self.root], [one.tag for one in self._open]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag not in self._forbidden, self.get_starttag_text()
        assert len({name for name, _ in attrs}) == len(attrs), attrs
        element = Element(tag, {name: value or "" for name, value in attrs}, self._open[-1])
        self._open[-1].children.append(element)
        self.all.append(element)
        if tag not in VOID:
            self._open.append(element)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop().tag == tag, (tag, self.getpos())

    def handle_data(self, data: str) -> None:
        for element in self._open:
            element.text += data

    def find(self, tag: str, **attributes: str) -> list[Element]:
        """Return the elements of a tag, with these attributes."""
        return self.root.find(tag, **attributes)
