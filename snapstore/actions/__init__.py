"""One verb a file: its options, its results, and the doing. They never print or read the environment."""
