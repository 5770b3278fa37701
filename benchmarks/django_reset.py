"""Measure Django's own ways to reset a database: `flush` and `loaddata`, or removing the file and `migrate`.

    python -m benchmarks.django_reset DATABASE USERS ROUNDS

creates a database of Django's own applications with this many users, each in two groups. It prints the rows, the bytes
and the seconds of each round as JSON. All commands run in one process that has loaded everything, as in a test run.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable

GROUPS = 20
APPLICATIONS = ["django.contrib.admin", "django.contrib.auth", "django.contrib.contenttypes", "django.contrib.sessions"]


def main() -> None:
    """Create the database and measure."""
    path, users, rounds = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    _configure(path)
    from django.core.management import call_command

    fixture = f"{path}.json"
    call_command("migrate", verbosity=0)
    _fill(users)
    call_command("dumpdata", "auth", natural_foreign=True, output=fixture, verbosity=0)

    def load() -> None:
        call_command("flush", interactive=False, verbosity=0)
        call_command("loaddata", fixture, verbosity=0)
        _expect(users)

    def drop() -> None:
        _close()
        os.remove(path)
        call_command("migrate", verbosity=0)

    found = {
        "rows": _rows(),
        "bytes": os.path.getsize(path),
        "load": _timed(load, rounds),
        "drop": _timed(drop, rounds),
    }
    call_command("loaddata", fixture, verbosity=0)
    _expect(users)
    print(json.dumps(found))


def _configure(path: str) -> None:
    import django
    from django.conf import settings

    settings.configure(
        DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": path}},
        INSTALLED_APPS=APPLICATIONS,
        DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
        SECRET_KEY="worthless outside the benchmark",
        USE_TZ=True,
    )
    django.setup()


def _fill(users: int) -> None:
    from django.contrib.auth.models import Group, User

    groups = [Group.objects.create(name=f"group {number}") for number in range(GROUPS)]
    User.objects.bulk_create(
        User(username=f"user{number}", email=f"user{number}@example.org", first_name="Ada", password="!")
        for number in range(users)
    )
    between = User.groups.through
    between.objects.bulk_create(
        between(user_id=user, group_id=groups[(number + place) % GROUPS].pk)
        for number, user in enumerate(User.objects.values_list("pk", flat=True))
        for place in (0, 7)
    )


def _expect(users: int) -> None:
    from django.contrib.auth.models import User

    if User.objects.count() != users:
        raise SystemExit("some users are missing")


def _rows() -> int:
    from django.db import connection

    with connection.cursor() as cursor:
        tables = connection.introspection.table_names(cursor)
        return sum(cursor.execute(f'SELECT count(*) FROM "{table}"').fetchone()[0] for table in tables)


def _close() -> None:
    from django.db import connection

    connection.close()


def _timed(work: Callable[[], None], rounds: int) -> list[float]:
    seconds = []
    for _ in range(rounds):
        start = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - start)
    return seconds


if __name__ == "__main__":
    main()
