"""What the objects mean: manifests, snapshots, names and their history, revisions."""
