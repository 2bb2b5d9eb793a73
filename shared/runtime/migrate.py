"""The command `python -m shared.runtime.migrate`, under the name that deployments run.

The work is in shared.runtime.deploy.migrate.
"""

import sys

from shared.runtime.deploy.migrate import main

__all__ = ["main"]

if __name__ == "__main__":
    sys.exit(main())
