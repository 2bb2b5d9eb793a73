"""Whoever follows the `type` of a problem arrives at a page about it, in every service."""

from collections.abc import AsyncIterator

import httpx
import pytest
import pytest_asyncio

from services.catalog.service import SERVICE
from shared.handbook.contents import pages
from shared.handbook.problems import problem_entries
from tests.factories.databases import DatabasePool, fresh
from tests.factories.harness import open_platform

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def client(database_pool: DatabasePool) -> AsyncIterator[httpx.AsyncClient]:
    with fresh(database_pool) as databases:
        async with open_platform([SERVICE], databases) as platform:
            yield platform.client


async def test_the_type_of_a_problem_is_the_address_of_its_page(client: httpx.AsyncClient) -> None:
    for path, status in (("/api/catalog/v1/products", 401), ("/api/catalog/v1/nowhere", 404)):
        answer = await client.get(path)
        assert answer.status_code == status
        problem = answer.json()
        page = await client.get(problem["type"], headers={"Accept": "text/html"})
        assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
        assert problem["code"] in page.text


async def test_every_page_is_there_as_html_and_as_markdown(client: httpx.AsyncClient) -> None:
    for path, page in pages().items():
        shown = await client.get(path)
        assert (shown.status_code, shown.text) == (200, page.html), path
        twin = await client.get(f"{path}.md")
        assert (twin.status_code, twin.text) == (200, page.text), path
        assert twin.headers["content-type"] == "text/markdown; charset=utf-8"
        assert (await client.get(path, headers={"Accept": "text/markdown"})).text == page.text
        assert "script-src" not in shown.headers["content-security-policy"]
        assert shown.headers["content-security-policy"].startswith("default-src 'none'")


async def test_documents_for_programs_and_what_is_not_there(client: httpx.AsyncClient) -> None:
    assert (await client.get("/asyncapi.json")).json()["asyncapi"] == "3.0.0"
    assert (await client.get("/llms.txt")).text.startswith("# ")
    for path in ("/problems/no.such", "/problems/<script>", "/guide/../etc", "/guide/no", "/problems/%2e%2e%2fpasswd"):
        missing = await client.get(path)
        assert (missing.status_code, missing.json()["code"]) == (404, "resource.not_found"), path
        assert missing.headers["content-type"] == "application/problem+json"
    shown = await client.get("/guide/no", headers={"Accept": "text/html"})
    assert (shown.status_code, shown.text) == (404, "没有这一页。")
    assert (await client.post("/problems")).status_code == 405
    assert len(problem_entries()) > 270
