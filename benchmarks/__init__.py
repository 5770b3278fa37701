"""Compare snapstore with the tools that people use instead, as whole processes on the same databases.

`python -m benchmarks` measures and writes docs/benchmarks.md. The modules, in the order of a run:

- `building` makes the databases, and `changes` makes the changes of one test.
- `peers` knows the commands of the other programs. `timing` runs whole processes in turn.
- `startup`, `first_take`, `status`, `restore` and `take` are the comparisons. `differences` groups four more: `verify`,
  `suite` (with `many_tests`), `diff` and `many_rows`.
- `goals` judges, and `report` writes.

`python -m benchmarks.faults` measures something else: whether cleanup and restore work.
"""
