"""The C module of a package without the Python around it, which loads `enum` and `datetime` for names not used here.

A small restore is over sooner than its modules are imported (docs/design.md, A short start).
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from importlib.machinery import ModuleSpec
    from typing import Any


def c_module(package: str, name: str) -> Any:
    """Return the C module `package.name`, without running `package`. Raises ImportError.

    Where there is none, it is the package, which has the same names: releases may call what is inside otherwise.
    """
    full = f"{package}.{name}"
    if full in sys.modules:
        return sys.modules[full]
    spec = _spec(full)
    module = spec.loader.create_module(spec) if spec and spec.loader else None
    if spec is None or spec.loader is None or module is None:  # no such module, or one of Python
        from importlib import import_module

        return import_module(package)
    sys.modules[full] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[full]
        raise
    return module


def _spec(full: str) -> ModuleSpec | None:
    """Return where a module is found, looked for in its packages one after another."""
    parts = full.split(".")
    spec, places = None, None
    for end in range(1, len(parts) + 1):
        some = ".".join(parts[:end])
        specs = (finder.find_spec(some, places) for finder in sys.meta_path if hasattr(finder, "find_spec"))
        spec = next(filter(None, specs), None)
        if spec is None:
            break
        places = spec.submodule_search_locations
    return spec
