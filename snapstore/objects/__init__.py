"""Objects, bytes named by their hash: the codec, packs, and the catalog that locates them."""
