"""Cleanup: undoes what a journal says, the newest first, and leaves in the journal what it could not undo.

    python cleanup.py PORT JOURNAL TIMEOUT

Run by the flow as a cleanup step; it is a program by itself and imports little, since it is started often.
"""

import json
import os
import socket
import sys


def ask(port: int, method: str, path: str, body: object, timeout: float) -> int:
    """Send a request over a connection of its own; return the status."""
    data = json.dumps(body).encode()
    with socket.create_connection(("127.0.0.1", port), timeout) as connection:
        head = f"{method} {path} HTTP/1.0\r\nContent-Length: {len(data)}\r\n\r\n"
        connection.sendall(head.encode() + data)
        return int(connection.makefile("rb").readline().split()[1])


def main() -> int:
    """Undo; return how many things could not be undone, at most 1."""
    port, journal, timeout = int(sys.argv[1]), sys.argv[2], float(sys.argv[3])
    if not os.path.exists(journal):
        return 0
    with open(journal, encoding="utf-8") as file:
        lines = [line for line in file if line.endswith("\n")]  # a test that was killed may have cut one short
    left: list[str] = []
    for line in reversed(lines):
        note = json.loads(line)
        try:
            status = ask(port, note["undo"], note["path"], note["body"], timeout)
        except (OSError, IndexError) as error:
            print(f"{note['undo']} {note['path']}: {error!r}")
            status = 0
        if status not in (200, 404):
            print(f"{note['undo']} {note['path']}: {status}")
            left.insert(0, line)
    with open(journal, "w", encoding="utf-8") as file:
        file.writelines(left)
    return 1 if left else 0


if __name__ == "__main__":
    sys.exit(main())
