"""How the C library gives large blocks back.

Argon2 takes 19 MiB for each hash. After the first one is freed, glibc raises its threshold and carves the next from the
arena of the thread, which then keeps it: 20 MB resident for every password thread, for ever. A fixed threshold makes
each such block a mapping of its own, which goes back when it is freed. Source: mallopt(3), M_MMAP_THRESHOLD.
"""

import ctypes
from contextlib import suppress
from typing import Final

_M_MMAP_THRESHOLD: Final = -3
LARGE_BYTES: Final = 1 << 20


def return_large_blocks() -> None:
    """Fix the threshold for this process; a C library without `mallopt` has no such habit and is left alone."""
    with suppress(AttributeError, OSError, TypeError):
        ctypes.CDLL(None).mallopt(_M_MMAP_THRESHOLD, LARGE_BYTES)
