"""What each request and each answer passes."""
