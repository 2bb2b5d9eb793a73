"""Measurements of the platform; never tests."""
