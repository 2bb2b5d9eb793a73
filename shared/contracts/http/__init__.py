"""Shared HTTP bodies and conventions."""
