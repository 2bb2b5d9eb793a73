"""Timers in business time, and jobs that one process at a time runs."""
