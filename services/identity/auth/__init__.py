"""How people sign in: passwords, throttling and refresh tokens."""
