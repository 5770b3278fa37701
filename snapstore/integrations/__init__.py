"""What joins a test runner to a session: the pytest plugin, and the kit for Playwright."""
