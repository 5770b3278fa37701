"""The documentation as tests read it: its blocks of code, its commands, its headings and its tables."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
DOCUMENTS = sorted([README, ROOT / "CHANGELOG.md", *(ROOT / "docs").glob("*.md"), *(ROOT / "examples").rglob("*.md")])
GENERATED = {
    "benchmarks.md",
    "scale.md",
    "session-benchmarks.md",
    "reliability.md",
    "fuzzing.md",
    "per-test.md",
    "files-benchmarks.md",
    "remote-benchmarks.md",
}
"""Pages of measurements."""
WRITTEN = [path for path in DOCUMENTS if path.name not in GENERATED and "node_modules" not in path.parts]

_BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_NAMES = {"snap", "snapstore"}
_OPERATORS = {"|", "||", "&&", ";", ">", "&"}


def text_of(document: Path) -> str:
    """Return a document's text."""
    return document.read_text("utf-8")


def prose_of(document: Path) -> str:
    """Return a document's text without its blocks of code."""
    return _BLOCK.sub("", text_of(document))


def blocks(document: Path, *languages: str) -> list[str]:
    """Return the blocks of code in some languages."""
    return [code for language, code in _BLOCK.findall(text_of(document)) if language in languages]


def commands(document: Path) -> Iterator[list[str]]:
    """Yield the words of each `snap` command line, without its name, in blocks for a shell or a CI system."""
    for code in blocks(document, "console"):
        yield from _commands(re.findall(r"^\$ (.*)$", code, re.MULTILINE))
    for code in blocks(document, "sh"):
        yield from _commands(code.replace("\\\n", " ").splitlines())
    for code in blocks(document, "yaml"):
        yield from _commands(re.findall(r"^\s*(?:- )?run: (.*)$", code, re.MULTILINE))
        yield from _commands(re.findall(r"^\s*- (snapstore .*)$", code, re.MULTILINE))
    for code in blocks(document, "groovy"):
        yield from _commands(re.findall(r"sh '.venv/bin/(snapstore .*)'$", code, re.MULTILINE))


def _commands(lines: list[str]) -> Iterator[list[str]]:
    for line in lines:
        lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
        lexer.whitespace_split = True
        words: list[str] = []
        for word in [*lexer, ";"]:
            if word not in _OPERATORS:
                words.append(word)
                continue
            if words and words[0] in _NAMES:
                yield words[1:]
            words = []


def mentions(document: Path) -> Iterator[list[str]]:
    """Yield the words of each command that the prose mentions, such as `snap tag NAME`, without its name."""
    for span in re.findall(r"`(?:snap|snapstore)\s+([a-z-][^`]*)`", prose_of(document)):
        yield span.split()


def anchors(document: Path) -> set[str]:
    """Return the anchors of a document's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.*)$", prose_of(document), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def section(document: Path, heading: str) -> str:
    """Return the text below a heading of the second level, up to the next one."""
    return re.split(r"^## ", text_of(document).split(f"\n## {heading}\n")[1], flags=re.MULTILINE)[0]


def rows(text: str) -> list[list[str]]:
    """Return the cells of each row of the tables in a text, without the rows that rule them off."""
    lines = [line for line in text.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]


def coded(cell: str) -> list[str]:
    """Return what stands in backticks in a cell."""
    return re.findall(r"`([^`]+)`", cell)
