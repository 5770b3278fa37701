"""Tests with applications as they are run: their own processes, their own connections."""
