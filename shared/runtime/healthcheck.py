"""The container's health check: exit 0 when /health/live answers 200 on the process's own port."""

import os
import sys
import urllib.request


def main() -> int:
    """Ask once, bounded in time."""
    port = os.environ.get("PORT", "8000")
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/health/live", timeout=3) as response:
            return 0 if response.status == 200 else 1
    except OSError as error:
        print(f"not live: {error}", file=sys.stderr)  # noqa: T201 - a health check speaks to its caller
        return 1


if __name__ == "__main__":
    sys.exit(main())
