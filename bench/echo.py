"""The ceiling of HTTP: a bare ASGI application on uvicorn that answers every POST with what it got."""

import asyncio
import sys

import uvicorn
from starlette.types import Receive, Scope, Send

from shared.runtime.host.loop import new_loop


async def answer(scope: Scope, receive: Receive, send: Send) -> None:
    """Echo the body."""
    if scope["type"] != "http":
        return
    body = b""
    while True:
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body"):
            break
    length = str(len(body)).encode()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", length)]})
    await send({"type": "http.response.body", "body": body})


def main() -> None:
    """`python -m bench.echo PORT`: serve on loopback until a signal."""
    config = uvicorn.Config(
        answer, host="127.0.0.1", port=int(sys.argv[1]), log_config=None, access_log=False, lifespan="off"
    )
    with asyncio.Runner(loop_factory=new_loop) as runner:
        runner.run(uvicorn.Server(config).serve())


if __name__ == "__main__":
    main()
