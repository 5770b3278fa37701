"""The command line: click, yaml, platformdirs, the environment and printing live here only."""
