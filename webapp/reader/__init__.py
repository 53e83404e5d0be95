"""What readers get: public pages and feeds, the same bytes for everybody."""
