"""The environment of commands that run beside a suite."""

from __future__ import annotations

import os
import re

from snapstore.cli.places import Places


def environment_of(places: Places) -> dict[str, str]:
    """Return our own environment, with what tells a command where the databases and the store are."""
    databases = list(places.project.databases.items())
    named = {f"SNAPSTORE_DATABASE_{re.sub('[^A-Z0-9]', '_', name.upper())}": path for name, path in databases}
    return {**os.environ, "SNAPSTORE_STORE": places.store_path, "SNAPSTORE_DATABASE": databases[0][1], **named}
