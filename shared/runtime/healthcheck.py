"""The container's health check: exit 0 when /health/live answers 200 on the process's own port.

It runs every few seconds in each container, so it speaks HTTP over a socket: a client library takes longer to load than
the service to answer.
"""

import os
import socket
import sys

TIMEOUT_S = 3.0
_REQUEST = b"GET /health/live HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"
_LINE_BYTES = 15
"""As many bytes as tell the status: `HTTP/1.1 200 OK`."""


def main() -> int:
    """Ask once, bounded in time."""
    port = int(os.environ.get("PORT", "8000"))
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT_S) as connection:
            connection.settimeout(TIMEOUT_S)
            connection.sendall(_REQUEST)
            answer = connection.recv(_LINE_BYTES, socket.MSG_WAITALL)
    except OSError as error:
        print(f"not live: {error}", file=sys.stderr)  # noqa: T201 - a health check speaks to its caller
        return 1
    return 0 if answer.split(b" ")[1:2] == [b"200"] else 1


if __name__ == "__main__":
    sys.exit(main())
