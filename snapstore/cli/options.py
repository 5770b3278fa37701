"""Options that every command takes, before or after its name."""

from __future__ import annotations

from snapstore.cli.parameters import Choice, Parameter


class Globals:
    """What was said with the global options; its attributes are their names."""

    def __init__(self) -> None:
        self.config: str | None = None
        self.store: str | None = None
        self.db: str | None = None
        self.as_json = False
        self.quiet = False
        self.verbose = False
        self.color = "auto"


GLOBAL_OPTIONS = (
    Parameter(("--config",), metavar="FILE", help="Configuration file [default: the nearest snapstore.yaml]."),
    Parameter(("--store",), metavar="DIR", help="Store [default: one for each project in the user's data folder]."),
    Parameter(("--db",), metavar="PATH", help="Database, without any configuration."),
    Parameter(("--json", "as_json"), is_flag=True, help="Print one JSON document."),
    Parameter(("-q", "--quiet"), is_flag=True, help="Print nothing but errors and what was asked for."),
    Parameter(("-v", "--verbose"), is_flag=True, help="Say what is done."),
    Parameter(("--color",), Choice("auto", "always", "never"), help="Colour the output."),
)
