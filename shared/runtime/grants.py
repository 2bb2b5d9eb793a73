"""The command `python -m shared.runtime.grants`, under the name that deployments run.

The work is in shared.runtime.deploy.grants.
"""

import sys

from shared.runtime.deploy.grants import main

__all__ = ["main"]

if __name__ == "__main__":
    sys.exit(main())
