"""Faults: the reliability of cleanup and restore, measured against a backend to which things happen.

`python -m benchmarks.faults` plays each kind of failure many times and writes docs/reliability.md. `backend` is a small
HTTP API over a SQLite file, a process of its own; `client` asks it, and does what a test does; `cleanup` is the
cleanup step, run by the flow as a command; `corruption` damages the file; `scenarios` are the kinds of failure;
`rounds` plays one through the flow and compares the state with the baseline; `page` writes it all down.
"""
