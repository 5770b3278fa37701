"""Databases that real software wrote, before and after what it did to them."""
