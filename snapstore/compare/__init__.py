"""Two states side by side: what differs, which rows were left behind, and what is ignored."""
