"""`python -m tests.e2e.faults`."""

import sys

from tests.containers import read_images_file

if __name__ == "__main__":
    # testcontainers reads its settings while it is imported.
    read_images_file()
    from tests.e2e.faults.command import main

    sys.exit(main())
