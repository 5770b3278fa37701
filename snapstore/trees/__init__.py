"""Trees: the folders and files beside the databases that belong to an application's state. Knows no store."""
