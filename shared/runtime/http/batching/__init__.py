"""Concurrent commands over HTTP, committed together in one transaction."""
