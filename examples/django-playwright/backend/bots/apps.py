"""The application, and the journal mode of every connection it opens."""

from django.apps import AppConfig
from django.conf import settings
from django.db.backends.signals import connection_created


def _set_journal_mode(connection, **_):
    with connection.cursor() as cursor:
        cursor.execute(f"PRAGMA journal_mode = {settings.JOURNAL_MODE}")


class BotsConfig(AppConfig):
    """Bots, what they talk about, and what they are connected to."""

    name = "bots"

    def ready(self):
        """Set the journal mode wherever a connection is opened."""
        connection_created.connect(_set_journal_mode, weak=False)
