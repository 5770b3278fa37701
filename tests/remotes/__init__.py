"""Remotes: their transports, over a folder and over real servers of object storage."""
