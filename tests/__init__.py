"""Tests of snapstore."""
