"""Bytes named by their hash: codec, packs, the catalog that finds them. Knows no database image."""
