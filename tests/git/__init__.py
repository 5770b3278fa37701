"""Following the branches of real Git repositories."""
