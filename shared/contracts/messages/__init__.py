"""The messages of the platform, one module a service: its facts and replies, and the commands it accepts."""
