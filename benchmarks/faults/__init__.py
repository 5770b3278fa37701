"""Measure the reliability of cleanup and restore against a backend that fails in many ways.

`python -m benchmarks.faults` plays each kind of failure many times and writes docs/reliability.md.

- `backend` is a small HTTP API over a SQLite file, in a process of its own.
- `client` sends the requests of a test.
- `cleanup` is the cleanup step, which the suite runs as a command.
- `corruption` damages the file.
- `scenarios` lists the kinds of failure.
- `rounds` plays one scenario and compares the state with the baseline.
- `page` writes the page.
"""
