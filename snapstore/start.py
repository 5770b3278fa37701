"""Where the program starts: the handlers of signals stand before anything else is imported.

An interrupt during an import would be a traceback, and may be lost in one of Python's callbacks.
"""

from __future__ import annotations

import os
import sys

_SIGINT = 2
_OBJECTS = 10_000  # between two looks for garbage
_NO_MEMORY = "failed to map segment"  # how the loader of libraries says so
_TOO_LITTLE = b"Error: the system gives no more memory or threads: the program cannot be loaded\n"
_TOLD = b"Error: interrupted\n"
_DOCUMENT = b'{\n  "error": {\n    "code": "interrupted",\n    "message": "interrupted",\n    "hint": null\n  }\n}\n'


class _Interrupt(KeyboardInterrupt):
    """A signal came; why it is a kind of its own says snapstore/signals.py, which is not imported yet."""


def main() -> None:
    """Run the program and end the process with its exit code."""
    asked: list[int] = []

    def end(number: int, _frame: object) -> None:
        asked.append(number)
        if len(asked) == 1:
            raise _Interrupt

    try:
        from snapstore.signals import handle

        handle(end)
        _collect_less()
        from snapstore.cli.main import main as run
    except KeyboardInterrupt:
        sys.exit(_told(asked or [_SIGINT]))  # Python's own handler raises it too, until ours stand
    except (ImportError, MemoryError) as error:
        if asked:  # the import that met the signal may tell it as an error of its own
            sys.exit(_told(asked))
        if isinstance(error, ImportError) and _NO_MEMORY not in str(error):
            raise
        os.write(2, _TOO_LITTLE)
        sys.exit(16)
    if asked:  # raised in a callback of Python's, where it is lost
        sys.exit(_told(asked))
    run()


def _collect_less() -> None:
    """Look for garbage seldom: a start makes thousands of objects, which all stay, and all go with the process."""
    import atexit
    import gc

    gc.set_threshold(_OBJECTS)
    atexit.register(gc.freeze)


def _told(asked: list[int]) -> int:
    """Say that the program was interrupted; return its exit code. Nothing has to be closed yet."""
    if "--json" in sys.argv:
        os.write(1, _DOCUMENT)
    else:
        os.write(2, _TOLD)
    return 128 + asked[0]
