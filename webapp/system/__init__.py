"""The machine below: the instance folder, locks, the server that runs us."""
