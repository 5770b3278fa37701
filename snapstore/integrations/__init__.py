"""Plugins for test runners, on top of a session's client."""
