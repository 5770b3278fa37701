"""What joins a session to test runners. May import the session's client and what is below it."""
