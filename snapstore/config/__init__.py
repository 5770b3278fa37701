"""Configuration files, and where the configuration, the databases and the store are. Knows no command line."""
