"""Benchmarks: snapstore's processes beside those of the tools people use instead, on the same databases.

`python -m benchmarks` measures and writes docs/benchmarks.md. In the order of a run: `building` makes the
databases and `changes` what a test would change in them; `peers` knows the other programs' commands,
`timing` runs whole processes in turn; `startup`, `first_take`, `status`, `restore`, `take` and, together in
`differences`, `verify`, `suite` (with `many_tests`), `diff` and `many_rows` are what is compared; `goals` judges and
`report` writes. `python -m benchmarks.faults` measures something else: whether cleanup and restore work.
"""
