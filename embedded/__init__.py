"""The whole platform in one process: bundled PostgreSQL, memory bus, files on disk. Only Python is needed."""
