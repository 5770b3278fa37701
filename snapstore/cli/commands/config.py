"""`snap config`: which configuration counts here, and what one may say."""

from __future__ import annotations

from importlib.resources import files

import click

from snapstore.cli.command import SnapCommand
from snapstore.cli.context import Context
from snapstore.cli.output import table

EXAMPLES = """
snap config
snap config --example
"""
EXAMPLE = "config.example.yaml"


@click.command("config", cls=SnapCommand, examples=EXAMPLES)
@click.option("--example", is_flag=True, help="Print a configuration with every key and its default.")
@click.pass_obj
def command(context: Context, example: bool) -> None:
    """Show which configuration counts here.

    Prints the file, the databases, the files beside them, the store and the remotes. With --example, prints
    config.example.yaml, which explains every key.
    """
    if example:
        text = files("snapstore.config").joinpath(EXAMPLE).read_text("utf-8")
        context.output.result({"example": text}, text.splitlines(), always=True)
        return
    locations = context.locations
    document = {
        "file": locations.config_path,
        "databases": dict(locations.project.databases),
        "files": {name: tree.path for name, tree in locations.project.trees.items()},
        "store": locations.store_path,
        "remotes": {name: one.url for name, one in locations.configuration.remotes.items()},
        "remote": locations.configuration.default_remote,
    }
    lines = [["configuration", locations.config_path or "none"]]
    lines += [[f"database {name}", path] for name, path in locations.project.databases.items()]
    lines += [[f"files {name}", tree.path] for name, tree in locations.project.trees.items()]
    lines += [["store", locations.store_path]]
    lines += [[f"remote {name}", one.url] for name, one in locations.configuration.remotes.items()]
    context.output.result(document, table(lines), always=True)
