"""Pictures: the logo, the favicon and the accent colour of a site."""
