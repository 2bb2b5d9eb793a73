"""The door to a process: it runs services until a signal ends it.

Behind it is `host`.
"""

from shared.runtime.host.main import run

__all__ = ["run"]
