"""The command `python -m shared.runtime.partitions`, under the name that deployments run.

The work is in shared.runtime.deploy.partitions.
"""

import sys

from shared.runtime.deploy.partitions import main

__all__ = ["main"]

if __name__ == "__main__":
    sys.exit(main())
