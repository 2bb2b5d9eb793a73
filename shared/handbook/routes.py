"""The addresses of the handbook."""

import json
from collections.abc import Sequence
from functools import lru_cache
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from shared.handbook.contents import llms_text, pages
from shared.handbook.events import ASYNCAPI_FILE
from shared.handbook.pages import STYLE, STYLE_PATH

PREFIXES: Final = ("/guide", "/guide.md", "/problems", "/problems.md", "/asyncapi.json", "/llms.txt")
"""What a gateway sends here, from all that lies beside `/api`."""
_HEADERS: Final = {
    "Cache-Control": "public, max-age=300",
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; base-uri 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
_MARKDOWN: Final = ".md"


def handbook_routes() -> Sequence[BaseRoute]:
    """Routes of every page, of its Markdown, and of the documents for programs."""
    return [
        Route("/guide", _page),
        Route("/guide.md", _page),
        Route(STYLE_PATH, _style),
        Route("/guide/{name}", _page),
        Route("/problems", _page),
        Route("/problems.md", _page),
        Route("/problems/{name}", _page),
        Route("/asyncapi.json", _asyncapi),
        Route("/llms.txt", _llms),
    ]


async def _page(request: Request) -> Response:
    path = request.url.path
    page = pages().get(path.removesuffix(_MARKDOWN))
    if page is None:
        return _no_page(path, request.headers.get("accept", ""))
    wants_markdown = path.endswith(_MARKDOWN) or _prefers_markdown(request.headers.get("accept", ""))
    text, kind = (page.text, "text/markdown") if wants_markdown else (page.html, "text/html")
    return Response(text, media_type=f"{kind}; charset=utf-8", headers={**_HEADERS, "Vary": "Accept"})


def _no_page(path: str, accept: str) -> Response:
    """A text for somebody with a browser, and the problem of everywhere else for a program."""
    if "text/html" in accept:
        return Response("没有这一页。", status_code=404, media_type="text/plain; charset=utf-8", headers=_HEADERS)
    problem = {
        "type": "/problems/resource.not_found",
        "title": "Not Found",
        "status": 404,
        "code": "resource.not_found",
        "detail": "没有这一页。目录在 /guide。",
        "instance": path,
    }
    text = json.dumps(problem, ensure_ascii=False)
    return Response(text, status_code=404, media_type="application/problem+json", headers=_HEADERS)


def _prefers_markdown(accept: str) -> bool:
    """Whether somebody asks for Markdown and for no HTML."""
    return "text/markdown" in accept and "text/html" not in accept


async def _style(_: Request) -> Response:
    return Response(STYLE, media_type="text/css; charset=utf-8", headers=_HEADERS)


@lru_cache(maxsize=1)
def _asyncapi_bytes() -> bytes:
    return ASYNCAPI_FILE.read_bytes()


async def _asyncapi(_: Request) -> Response:
    return Response(_asyncapi_bytes(), media_type="application/json", headers=_HEADERS)


async def _llms(_: Request) -> Response:
    return Response(llms_text(), media_type="text/plain; charset=utf-8", headers=_HEADERS)
