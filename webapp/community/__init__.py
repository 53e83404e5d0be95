"""What signed-in readers do."""
