"""Who is calling: passwords, login throttling, access tokens and refresh tokens."""
