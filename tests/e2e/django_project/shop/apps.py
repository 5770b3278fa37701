"""The app `shop`, which also sets up every connection that Django opens."""

# mypy: allow-subclassing-any
import itertools
from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.db.backends.signals import connection_created

_serial_numbers = itertools.count(1)


class ShopConfig(AppConfig):
    name = "shop"

    def ready(self) -> None:
        connection_created.connect(_set_up)


def _set_up(sender: Any, connection: Any, **kwargs: Any) -> None:
    """Number the connection, so that a new one can be told from the one before, and set the journal mode."""
    connection.serial_number = next(_serial_numbers)
    with connection.cursor() as cursor:
        cursor.execute(f"PRAGMA journal_mode = {settings.JOURNAL_MODE}")
