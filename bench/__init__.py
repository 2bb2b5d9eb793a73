"""Measures this machine and this code: `make bench`. A benchmark reports figures; it is never a timed test.

Every run is audited before its figures count: money to the fen, states against holds, every event applied once.
"""
