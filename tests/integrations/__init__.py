"""Tests of what joins a test runner to a session."""
