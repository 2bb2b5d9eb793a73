"""What identity shows: read-only SQL into response bodies, scoped by who reads."""
