"""Documents: judged in a process of their own, sealed, and kept in a folder or a bucket."""
