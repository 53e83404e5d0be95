"""Where authors, editors and admins work."""
