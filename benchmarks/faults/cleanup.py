"""Undo the entries of a journal, newest first, and keep those that cannot be undone.

    python cleanup.py PORT JOURNAL TIMEOUT

The suite runs it as a cleanup step. It is a program of its own and imports little, because it is started often.
"""

import json
import os
import socket
import sys


def ask(port: int, method: str, path: str, body: object, timeout: float) -> int:
    """Send a request over a new connection; return the status."""
    data = json.dumps(body).encode()
    with socket.create_connection(("127.0.0.1", port), timeout) as connection:
        head = f"{method} {path} HTTP/1.0\r\nContent-Length: {len(data)}\r\n\r\n"
        connection.sendall(head.encode() + data)
        return int(connection.makefile("rb").readline().split()[1])


def main() -> int:
    """Undo; return 1 if anything could not be undone, else 0."""
    port, journal, timeout = int(sys.argv[1]), sys.argv[2], float(sys.argv[3])
    if not os.path.exists(journal):
        return 0
    with open(journal, encoding="utf-8") as file:
        lines = [line for line in file if line.endswith("\n")]  # a killed test may have written half a line
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
