"""The flow around a test suite: back up, test, clean up, verify, restore where cleanup failed, and record it."""
