"""Log in, register, settings."""
