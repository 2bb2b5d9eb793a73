"""The real images, wired as deployed."""

import httpx
import pytest

from embedded.platform import SERVICES
from tests.e2e.stack import Stack

pytestmark = pytest.mark.container


async def test_every_service_is_ready_in_its_own_container_and_describes_itself(stack: Stack) -> None:
    async with stack.client() as client:
        for service in SERVICES:
            document = (await client.get(f"/api/{service.name}/v1/openapi.json")).json()
            assert document["paths"]


async def test_a_service_runs_as_nobody_in_particular_on_a_read_only_root(stack: Stack) -> None:
    container = stack.containers[stack.container_of("order")].get_wrapped_container()
    assert container.exec_run(["id", "-u"]).output.strip() == b"10001"
    assert container.exec_run(["touch", "/app/x"]).exit_code != 0
    assert container.exec_run(["python", "-c", "import pip"]).exit_code != 0


async def test_an_unknown_service_is_nobody(stack: Stack) -> None:
    host, port = stack.route("order")
    async with httpx.AsyncClient() as client:
        answer = await client.get(f"http://{host}:{port}/api/voucher/v1/clock")
    assert answer.status_code == 404
