"""Git: what a repository says about itself, and its post-checkout hook. Nothing here knows snapshots."""
