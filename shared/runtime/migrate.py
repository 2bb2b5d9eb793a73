"""The command `python -m shared.runtime.migrate`, under the name that deployments run.

Each service's Alembic environment imports `run_env` from here. The work is in shared.runtime.deploy.migrate.
"""

import sys

from shared.runtime.deploy.migrate import main, run_env

__all__ = ["main", "run_env"]

if __name__ == "__main__":
    sys.exit(main())
