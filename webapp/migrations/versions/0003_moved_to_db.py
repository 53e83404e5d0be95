# /readyz of release 0.1 looks here for the newest schema; delete with the release after the next.
