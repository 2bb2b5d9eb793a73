"""Telling providers' systems: callers that wait for events, signatures, and the sender of webhooks."""
