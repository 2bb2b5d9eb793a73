"""Small programs for those who work on the platform; none is part of it."""
