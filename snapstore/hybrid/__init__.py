"""The hybrid flow: back up, test, clean up, verify, restore where cleanup failed, and keep count of it all."""
