"""Settings files of frameworks and servers that name a database: Rails, Prisma, alembic, Ghost, MediaWiki."""

from __future__ import annotations

import glob
import json
import os
import re
from collections.abc import Iterator, Mapping
from typing import Any

from snapstore.discovery.paths import Named, locate, text_of
from snapstore.project import DEFAULT

_DATASOURCE = re.compile(r"^\s*datasource\s+\w+\s*\{(.*?)^\s*\}", re.DOTALL | re.MULTILINE)
_PRISMA_URL = re.compile(r"""^\s*url\s*=\s*(?:env\("(?P<variable>[^"]+)"\)|"(?P<url>[^"]+)")""", re.MULTILINE)
_MOST_YAML = 1 << 16  # characters
_ERB = re.compile(r"<%=(.*?)%>", re.DOTALL)
_QUOTED = re.compile(r"""["']([^"']*)["']""")
_ALEMBIC_URL = re.compile(r"^\s*sqlalchemy\.url\s*=\s*(\S+)", re.MULTILINE)
_PHP = re.compile(r"""^\s*\$(wg\w+)\s*=\s*["']([^"']*)["']\s*;""", re.MULTILINE)
_MEDIAWIKI_OTHERS = {"jobqueue": "{}_jobqueue", "l10n_cache": "{}_l10n_cache", "wikicache": "wikicache"}


def rails(folder: str, environ: Mapping[str, str]) -> Iterator[Named]:
    """Yield the databases of `config/database.yml` in the environment RAILS_ENV, by default development."""
    for path in _files(folder, "config/database.yml", "*/config/database.yml"):
        root = os.path.dirname(os.path.dirname(path))
        found = {}
        for name, value in _rails_databases(text_of(path), environ).items():
            if located := locate(value, [root]):
                found[DEFAULT if name == "primary" else name] = located
        if found:
            yield Named(found, os.path.relpath(path, folder))


def _rails_databases(text: str, environ: Mapping[str, str]) -> dict[str, str]:
    """Return the path or URL of each SQLite database of one environment."""
    import yaml  # only a Rails project has this file

    if len(text) > _MOST_YAML:
        return {}
    try:
        root = yaml.compose(_ERB.sub(lambda found: _erb_value(found[1], environ), text), yaml.SafeLoader)
        known: dict[int, dict[str, Any]] = {}
        section = _entries(_entries(root, known).get(environ.get("RAILS_ENV") or "development"), known)
        named = {"primary": section} if {"database", "url"} & section.keys() else {}
        named |= {} if named else {name: _entries(one, known) for name, one in section.items()}
    except (yaml.YAMLError, ValueError, RecursionError):
        return {}
    texts = {name: _rails_path(one) for name, one in named.items()}
    return {name: text for name, text in texts.items() if text}


def _entries(node: Any, known: dict[int, dict[str, Any]]) -> dict[str, Any]:
    """Return the nodes of a mapping by key, with what it merges; `known` are those that were read already.

    Each mapping is read once, however often it is merged: PyYAML's own way multiplies it each time.
    """
    if node is None or node.id != "mapping":
        return {}
    if id(node) not in known:
        known[id(node)] = {}  # what a mapping that merges itself adds
        merged: dict[str, Any] = {}
        for key, value in node.value:
            if key.value == "<<":
                for one in value.value if value.id == "sequence" else [value]:
                    merged |= _entries(one, known)
        own = {key.value: value for key, value in node.value if key.id == "scalar" and key.value != "<<"}
        known[id(node)] = {**merged, **own}
    return known[id(node)]


def _rails_path(database: Mapping[str, Any]) -> str:
    texts = {name: node.value for name, node in database.items() if node.id == "scalar"}
    if "sqlite" not in texts.get("adapter", "sqlite"):
        return ""
    return str(texts.get("database") or texts.get("url") or "")


def _erb_value(code: str, environ: Mapping[str, str]) -> str:
    """Return what Ruby code such as `ENV.fetch("NAME") { "default" }` most likely gives."""
    quoted = _QUOTED.findall(code)
    if "ENV" in code and quoted:
        return environ.get(quoted[0]) or (quoted[-1] if len(quoted) > 1 else "")
    return "/".join(quoted)


def prisma(folder: str, environ: Mapping[str, str]) -> Iterator[Named]:
    """Yield the database of a Prisma schema; a relative path is relative to the schema, or to the project."""
    patterns = ("prisma/schema.prisma", "schema.prisma", "prisma/schema/*.prisma", "*/prisma/schema.prisma")
    for path in _files(folder, *patterns):
        source = _DATASOURCE.search(text_of(path))
        url = _PRISMA_URL.search(source[1]) if source and '"sqlite"' in source[1] else None
        value = (environ.get(url["variable"], "") if url["variable"] else url["url"]) if url else ""
        beside = os.path.dirname(path)
        located = locate(value, [beside, os.path.dirname(beside), folder])
        if located:
            yield Named({DEFAULT: located}, os.path.relpath(path, folder))


def alembic(folder: str, environ: Mapping[str, str]) -> Iterator[Named]:
    """Yield the database of `alembic.ini`."""
    del environ
    for path in _files(folder, "alembic.ini", "*/alembic.ini"):
        beside = os.path.dirname(path)
        url = _ALEMBIC_URL.search(text_of(path))
        located = locate(url[1].replace("%(here)s", beside), [beside]) if url and "sqlite" in url[1] else None
        if located:
            yield Named({DEFAULT: located}, os.path.relpath(path, folder))


def ghost(folder: str, environ: Mapping[str, str]) -> Iterator[Named]:
    """Yield the database of Ghost's configuration."""
    del environ
    for path in _files(folder, "config.development.json", "config.production.json"):
        try:
            file = json.loads(text_of(path))["database"]["connection"]["filename"]
        except (ValueError, KeyError, TypeError, RecursionError):
            continue
        located = locate(file, [folder]) if isinstance(file, str) else None
        if located:
            yield Named({DEFAULT: located}, os.path.relpath(path, folder))


def mediawiki(folder: str, environ: Mapping[str, str]) -> Iterator[Named]:
    """Yield the four databases of a MediaWiki on SQLite."""
    del environ
    for path in _files(folder, "LocalSettings.php"):
        settings = dict(_PHP.findall(text_of(path)))
        name, data = settings.get("wgDBname"), settings.get("wgSQLiteDataDir")
        if settings.get("wgDBtype") == "sqlite" and name and data:
            others = {key: form.format(name) for key, form in _MEDIAWIKI_OTHERS.items()}
            files = {DEFAULT: name, **others}
            paths = {key: os.path.normpath(os.path.join(folder, data, f"{one}.sqlite")) for key, one in files.items()}
            yield Named(paths, os.path.relpath(path, folder))


def _files(folder: str, *patterns: str) -> Iterator[str]:
    for pattern in patterns:
        for found in sorted(glob.glob(pattern, root_dir=folder)):
            yield os.path.join(folder, found)
