"""The page store: finished public pages as files, since when each is current, and their repair."""
