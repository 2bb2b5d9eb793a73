"""The handbook that the platform serves about itself: problems, events, guides; for people and for programs.

Every service has it, so that it is there wherever one of them is. Nothing in it is loaded from anywhere else.
"""

from shared.handbook.routes import handbook_routes

__all__ = ["handbook_routes"]
