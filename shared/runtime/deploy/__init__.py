"""Jobs at deployment: roles, grants and migrations."""
