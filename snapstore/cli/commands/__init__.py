"""The commands, a module each; cli/program.py finds them by name."""
