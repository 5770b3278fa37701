"""Remotes: snapshots in a folder or in object storage, shared by several stores (docs/remote-format.md)."""
