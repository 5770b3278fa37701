"""One long-lived process beside a test run: JSON-RPC 2.0 in and out, changes followed, and the Python client."""
