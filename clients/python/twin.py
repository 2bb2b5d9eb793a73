"""Makes the client for asyncio from the one for threads, so that one text is kept: `python clients/python/twin.py`.

Exit code 1, with --check, when what is there is not what would be written.
"""

import re
import subprocess
import sys
from pathlib import Path

SOURCE = Path(__file__).parent / "src/yunquan_client/client.py"
MADE = SOURCE.with_name("aio.py")
_WAITS = ("call", "token", "_renew", "_run", "_send", "_act", "order", "close")
_RULES = (
    (
        r'^"""The client for threads.*?"""',
        '"""The client for asyncio, made from `client` by `twin.py`; a change by hand is lost."""',
    ),
    (r"import threading\n", "import asyncio\n"),
    (r"threading\.Lock", "asyncio.Lock"),
    (r"httpx2\.BaseTransport", "httpx2.AsyncBaseTransport"),
    (r"httpx2\.Client\(", "httpx2.AsyncClient("),
    (r"\bIterator\b", "AsyncIterator"),
    (r"class Yunquan:", "class AsyncYunquan:"),
    (
        r"Safe to share among threads; close it, or use it in a `with`",
        "Safe to share among tasks; close it, or use it in an `async with`",
    ),
    (r"    def (?!__init__)", "    async def "),
    (r"__(enter|exit)__", r"__a\1__"),
    (r"with self\._renewing", "async with self._renewing"),
    (r"time\.sleep\(", "await asyncio.sleep("),
    (r"self\._http\.request\(", "await self._http.request("),
    (r"self\._http\.close\(", "await self._http.aclose("),
    (rf"(?<![.\w])self\.({'|'.join(_WAITS)})\(", r"await self.\1("),
)


def made() -> str:
    """The text of the client for asyncio."""
    text = SOURCE.read_text(encoding="utf-8")
    for pattern, replacement in _RULES:
        text = re.sub(pattern, replacement, text, flags=re.MULTILINE)
    words = [sys.executable, "-m", "ruff", "format", "--stdin-filename", str(MADE), "-"]
    return subprocess.run(words, input=text, capture_output=True, text=True, check=True).stdout  # noqa: S603 - our ruff


def main() -> int:
    """Write, or check."""
    if "--check" in sys.argv:
        return int(MADE.read_text(encoding="utf-8") != made())
    MADE.write_text(made(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
