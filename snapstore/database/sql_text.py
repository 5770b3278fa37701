"""The text of SQL: where quotes and comments end, where a statement does, and what other readers take for one.

The sqlite3 shell reads line by line. It runs a statement once a line ends in a semicolon that completes it, or where
a line outside of quotes is nothing but `/` or `go`; then a line that begins with a dot is a command to the shell
itself. So the text of a schema, which anybody may have written, goes into a script only if it is one statement to all.

    string 'x'    name "x" `x` [x]    comment -- to the end of the line, or /* to */

Source: SQLite's tokenize.c and complete.c, and shell.c of its command-line shell.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from snapstore.database.identifiers import folded
from snapstore.database.record import is_valid_text

SPACE, COMMENT, WORD, QUOTED, STRING, SEMICOLON, OTHER, OPEN = (
    *("space", "comment", "word", "quoted", "string", "semicolon", "other", "open"),
)
_TOKEN = re.compile(
    r"""(?P<space>[ \t\n\f\r]+)
      | (?P<comment>--[^\n]*\n?|/\*.*?\*/)
      | (?P<word>[A-Za-z_\x80-\U0010ffff][\w$\x80-\U0010ffff]*)
      | (?P<quoted>"[^"]*(?:""[^"]*)*"|`[^`]*(?:``[^`]*)*`|\[[^]]*\])
      | (?P<string>'[^']*(?:''[^']*)*')
      | (?P<semicolon>;)
      | (?P<open>["'`[]|/\*)
      | (?P<other>.)""",
    re.VERBOSE | re.DOTALL,
)
_BEGINNINGS = {
    "table": ("CREATE TABLE ", "CREATE VIRTUAL TABLE "),
    "index": ("CREATE INDEX ", "CREATE UNIQUE INDEX "),
    "view": ("CREATE VIEW ",),
    "trigger": ("CREATE TRIGGER ",),
}
_AFTER_THE_NAME = {
    "CREATE TABLE ": ("(",),
    "CREATE VIRTUAL TABLE ": ("using",),
    "CREATE INDEX ": ("on",),
    "CREATE UNIQUE INDEX ": ("on",),
    "CREATE VIEW ": ("as", "("),
    "CREATE TRIGGER ": ("before", "after", "instead", "delete", "insert", "update"),
}
_TERMINATORS = ("/", "go")  # of a statement, to the sqlite3 shell


class Token(NamedTuple):
    """A piece of SQL, and what kind it is; OPEN for a quote or a comment without an end."""

    kind: str
    text: str


class Created(NamedTuple):
    """What a statement creates: `table`, `index`, `view` or `trigger`, and its name."""

    type: str
    name: str


class TextRefused(ValueError):
    """A text is not one complete statement that creates an object."""


def tokens(text: str) -> Iterator[Token]:
    """Yield the tokens of a text; an unclosed quote or comment takes the rest of it."""
    at = 0
    while at < len(text):
        found = _TOKEN.match(text, at)
        assert found
        kind = found.lastgroup or OTHER
        end = len(text) if kind == OPEN else found.end()
        yield Token(kind, text[at:end])
        at = end


def created(text: str) -> Created:
    """Return what a schema statement creates. Raises TextRefused if it is not one statement to every reader."""
    type_, beginning = next(
        ((type_, one) for type_, all_ in _BEGINNINGS.items() for one in all_ if text.startswith(one)), ("", "")
    )
    if not beginning:
        raise TextRefused("it does not begin as SQLite stores statements")
    if "\0" in text or not is_valid_text(text):
        raise TextRefused("it is not valid text")
    found = list(tokens(text[len(beginning) :]))
    words = [token for token in found if token.kind not in (SPACE, COMMENT)]
    if found[-1].kind == OPEN:
        raise TextRefused("a quote or a comment is not closed")
    if len(words) < 2 or words[0].kind not in (WORD, QUOTED, STRING):  # noqa: PLR2004 - a name and what follows
        raise TextRefused("it names nothing")
    if folded(words[1].text) not in _AFTER_THE_NAME[beginning]:
        raise TextRefused("it is not of the form in which SQLite stores statements")
    _check_end(type_, words)
    if _ends_for_the_shell(found):
        raise TextRefused("the sqlite3 shell reads a line of it as the end of the statement")
    return Created(type_, unquoted(words[0].text))


def check_created(type_: str, name: str, text: str) -> None:
    """Check that a text creates just this object. Raises TextRefused."""
    found = created(text)
    if (found.type, folded(found.name)) != (type_, folded(name)):
        raise TextRefused(f"it creates {found.type} '{found.name}'")
    if type_ != "view" and ends_in_line_comment(text):  # SQLite keeps a line break behind it, but none behind a view
        raise TextRefused("it ends in a comment that nothing ends")


def ends_in_line_comment(text: str) -> bool:
    """Tell whether a text ends in a comment that takes whatever follows on the line."""
    last = Token(SPACE, "")
    for last in tokens(text):  # noqa: B007 - the last one counts
        pass
    return last.kind == COMMENT and last.text.startswith("--") and not last.text.endswith("\n")


def has_quoted_break(text: str) -> bool:
    """Tell whether CR LF is in a quoted name or a string, where it has a meaning."""
    return any(token.kind in (QUOTED, STRING) and "\r\n" in token.text for token in tokens(text))


def unquoted(name: str) -> str:
    """Return the name that a quoted one stands for."""
    if name[0] == "[":
        return name[1:-1]
    return name[1:-1].replace(name[0] * 2, name[0]) if name[0] in "\"'`" else name


class Splitter:
    """Finds the ends of statements in a text that comes line by line."""

    def __init__(self) -> None:
        self._open = ""  # what ends the quote or comment that the next line begins in
        self._first: list[str] = []  # words of the statement
        self._last: list[str] = []

    def ends_with(self, line: str) -> bool:
        """Take the next line, and tell whether a statement ends with it."""
        at = 0
        while at < len(line):
            at = self._close(line, at) if self._open else self._step(line, at)
        if self._open or self._last[-1:] != [";"]:
            return False
        is_trigger = self._first[:2] == ["create", "trigger"] or self._first[1:3] == ["temp", "trigger"]
        if is_trigger and self._last != [";", "end", ";"]:
            return False
        self._first, self._last = [], []
        return True

    def _close(self, line: str, at: int) -> int:
        end = line.find(self._open, at)
        if end < 0:
            return len(line)
        end += len(self._open)
        self._open = ""
        return end

    def _step(self, line: str, at: int) -> int:
        found = _TOKEN.match(line, at)
        assert found
        kind, text = found.lastgroup, found[0]
        if kind == OPEN:
            self._open = {"[": "]", "/*": "*/"}.get(text, text)
        if kind not in (SPACE, COMMENT) and text != "/*":
            text = folded(text) if kind == WORD else text[:1]
            self._first = [*self._first, text][:3]
            self._last = [*self._last, text][-3:]
        return found.end()


def _check_end(type_: str, words: list[Token]) -> None:
    """Check that a semicolon is nowhere but in a trigger, and that only its end looks like one."""
    texts = [folded(token.text) for token in words]
    ends = [at for at in range(1, len(texts)) if texts[at] == "end" and texts[at - 1] == ";"]
    if type_ != "trigger":
        if any(token.kind == SEMICOLON for token in words):
            raise TextRefused("it is more than one statement")
    elif ends != [len(texts) - 1]:
        raise TextRefused("it is not one statement that ends with END")


def _ends_for_the_shell(found: list[Token]) -> bool:
    """Tell whether a line is nothing but a word that ends a statement in the sqlite3 shell."""
    line = ""
    for token in found:
        if token.kind == COMMENT:  # white space to the shell
            line += "\n" if token.text.endswith("\n") else " "
        else:
            line += "quoted" if token.kind in (QUOTED, STRING) else token.text
    return any(folded(one.strip(" \t\f\r\v")) in _TERMINATORS for one in line.split("\n")[1:])
