"""Django: `DATABASES` of the settings, read without running them."""

from __future__ import annotations

import ast
import glob
import os
import re
import warnings
from collections.abc import Iterator, Mapping
from typing import Any

from snapstore.discovery.paths import Named, is_url, locate, text_of

_MODULE = re.compile(r"""DJANGO_SETTINGS_MODULE["'],\s*["']([\w.]+)["']""")
_SAME = {"Path", "str", "resolve", "absolute", "abspath", "realpath", "fspath", "normpath", "as_posix", "expanduser"}
_JOIN = {"join", "joinpath"}
_VARIABLE = {"get", "getenv", "env", "config", "db", "db_url", "path", "parse"}
_DEPTH = 8  # of settings that import other settings


def named(folder: str, environ: Mapping[str, str]) -> Iterator[Named]:
    """Yield the SQLite databases of each Django project in a folder or up to two levels below."""
    for pattern in ("manage.py", "*/manage.py", "*/*/manage.py"):
        for found in sorted(glob.glob(pattern, root_dir=folder)):
            manage = os.path.join(folder, found)
            module = _MODULE.search(text_of(manage))
            name = environ.get("DJANGO_SETTINGS_MODULE") or (module[1] if module else "")
            path = _file_of(os.path.dirname(manage), name.split(".")) if name else None
            if path is None:
                continue
            settings = _Settings(environ)
            settings.load(path, _DEPTH)
            databases = settings.sqlite_databases(os.path.dirname(manage))
            if databases:
                yield Named(databases, f"DATABASES in {os.path.relpath(path, folder)}")


def _file_of(folder: str, parts: list[str]) -> str | None:
    """Return the file of a module, None where there is none."""
    path = os.path.join(folder, *parts)
    return next(filter(os.path.isfile, (f"{path}.py", os.path.join(path, "__init__.py"))), None)


class _Settings:
    """The values of a settings module that can be told from its text; all else is None."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self._values: dict[str, Any] = {}

    def load(self, path: str, depth: int) -> None:
        """Read the assignments of a module, and of those that it imports everything from."""
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                tree = ast.parse(text_of(path))
            self._values["__file__"] = path
            self._run(tree.body, path, depth)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return

    def sqlite_databases(self, folder: str) -> dict[str, str]:
        """Return the paths of the databases by alias, `default` first."""
        found = {}
        configured = self._values.get("DATABASES")
        aliases = configured if isinstance(configured, dict) else {}
        for alias, one in sorted(aliases.items(), key=lambda item: item[0] != "default"):
            name = one
            if isinstance(one, dict):
                name = one.get("NAME") if "sqlite" in str(one.get("ENGINE")) else None
            is_named = isinstance(name, str) and (isinstance(one, dict) or is_url(name))
            path = locate(name, [folder]) if is_named else None
            if path is not None:
                found[alias] = path
        return found

    def _run(self, body: list[ast.stmt], path: str, depth: int) -> None:
        for statement in body:
            if isinstance(statement, ast.ImportFrom) and statement.names[0].name == "*" and depth:
                self._import(statement, path, depth - 1)
            elif isinstance(statement, ast.Assign):
                for target in statement.targets:
                    self._assign(target, self._value(statement.value))
            elif isinstance(statement, ast.AnnAssign) and statement.value is not None:
                self._assign(statement.target, self._value(statement.value))
            elif isinstance(statement, (ast.If, ast.Try)):
                self._run(statement.orelse, path, depth)
                self._run(statement.body, path, depth)

    def _import(self, statement: ast.ImportFrom, path: str, depth: int) -> None:
        folder = os.path.dirname(path)
        for _ in range(statement.level - 1):
            folder = os.path.dirname(folder)
        parts = (statement.module or "").split(".")
        if not statement.level:  # from mysite.settings.base: its last part lies beside
            parts = parts[-1:]
        if found := _file_of(folder, parts):
            self.load(found, depth)
            self._values["__file__"] = path

    def _assign(self, target: ast.expr, value: Any) -> None:
        if isinstance(target, ast.Name):
            self._values[target.id] = value
        elif isinstance(target, ast.Subscript) and isinstance(mapping := self._value(target.value), dict):
            key = self._value(target.slice)
            if isinstance(key, str):
                mapping[key] = value

    def _value(self, node: ast.expr) -> Any:
        """Return text, a mapping by text, or None for what cannot be told. A path is text."""
        match node:
            case ast.Constant(value=str() as text):
                return text
            case ast.Name(id=name):
                return self._values.get(name)
            case ast.Dict():
                pairs = zip(node.keys, node.values, strict=True)
                read = ((self._value(key), self._value(value)) for key, value in pairs if key is not None)
                return {key: value for key, value in read if isinstance(key, str)}
            case ast.Subscript():
                return self._subscript(node)
            case ast.Call():
                return self._call(node)
        return self._joined(node)

    def _joined(self, node: ast.expr) -> str | None:
        """Read `PATH / "name"`, texts that are added, and `PATH.parent`."""
        match node:
            case ast.JoinedStr(values=parts):
                return _text("".join, [self._value(part) for part in parts])
            case ast.FormattedValue(value=inner):
                return _text("".join, [self._value(inner)])
            case ast.BinOp(left=left, op=ast.Div() | ast.Add() as op, right=right):
                joined = "".join if isinstance(op, ast.Add) else lambda texts: os.path.join(*texts)
                return _text(joined, [self._value(left), self._value(right)])
            case ast.Attribute(value=inner, attr="parent"):
                return _text(lambda texts: os.path.dirname(texts[0]), [self._value(inner)])
        return None

    def _subscript(self, node: ast.Subscript) -> Any:
        """Read `os.environ["NAME"]`, `PATH.parents[1]`, or a value of a mapping."""
        if isinstance(node.value, ast.Attribute) and node.value.attr == "parents":
            path, count = self._value(node.value.value), getattr(node.slice, "value", None)
            if not isinstance(path, str) or not isinstance(count, int) or not 0 <= count <= path.count("/"):
                return None
            for _ in range(count + 1):
                path = os.path.dirname(path)
            return path
        key = self._value(node.slice)
        if isinstance(node.value, ast.Attribute) and node.value.attr == "environ":
            return self._environ.get(key) if isinstance(key, str) else None
        mapping = self._value(node.value)
        return mapping.get(key) if isinstance(mapping, dict) and isinstance(key, str) else None

    def _call(self, node: ast.Call) -> Any:
        """Read what makes paths, and what looks up variables with a default."""
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        values = [self._value(argument) for argument in node.args]
        owner = self._value(node.func.value) if isinstance(node.func, ast.Attribute) else None
        if name == "dirname":
            return _text(lambda texts: os.path.dirname(texts[0]), values[:1])
        if name in _JOIN:
            return _text(lambda texts: os.path.join(*texts), [owner, *values] if name == "joinpath" else values)
        if name in _SAME and (owner is not None or values) and "default" not in {one.arg for one in node.keywords}:
            return owner if owner is not None else values[0]
        if name in _VARIABLE or name in _SAME:
            given = {one.arg: self._value(one.value) for one in node.keywords}
            default = given.get("default", values[0] if name == "parse" and values else (*values, None, None)[1])
            variable = values[0] if values else given.get("env") or "DATABASE_URL"
            return self._environ.get(variable, default) if isinstance(variable, str) else default
        return None


def _text(join: Any, values: list[Any]) -> str | None:
    """Join texts; None where one of them is not known."""
    return str(join(values)) if values and all(isinstance(value, str) for value in values) else None
