"""What the plugin asks Django: whether its settings are there, and which databases they name."""

from __future__ import annotations

import os
from typing import NoReturn

import pytest

from snapstore.integrations.pytest_report import told


def is_django(config: pytest.Config) -> bool:
    """Return whether pytest-django is installed and has settings."""
    if not config.pluginmanager.hasplugin("django"):
        return False
    from django.conf import settings

    # By now pytest-django has configured them, if there are any.
    return bool(settings.configured)


def django_databases() -> tuple[str, ...]:
    """Return the paths of the default database in Django's settings, and of its test database."""
    from django.conf import settings

    found = settings.DATABASES.get("default", {})
    names = (found.get("NAME"), (found.get("TEST") or {}).get("NAME"))
    return tuple(os.path.realpath(str(name)) for name in names if name)


def django_test_database() -> str | None:
    """Return the file of Django's test database, None if it is in memory or no test uses it."""
    from django.db import connection

    name = str(connection.settings_dict["NAME"])
    is_there = name == str(connection.creation._get_test_db_name()) and os.path.isfile(name)
    return os.path.abspath(name) if is_there else None


def no_django_database() -> NoReturn:
    """End the run: neither Django nor a configuration has a database to follow."""
    pytest.exit(
        told(
            "snapstore: Django's test database is in memory, or no test uses it; give it a file:"
            ' DATABASES["default"]["TEST"] = {"NAME": BASE_DIR / "test.sqlite3"}'
        ),
        returncode=pytest.ExitCode.USAGE_ERROR,
    )
