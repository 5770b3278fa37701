"""What the objects mean: manifests, snapshots, names, where each name has pointed, revisions."""
