"""Logs, metrics and spans of accounts, documents, purchases and faults name nobody and quote nothing."""

import io
import json
import secrets
import sys
from collections.abc import Iterator, Mapping
from typing import Any
from uuid import uuid4

import pytest
import structlog

from shared.contracts.permissions import Role
from shared.runtime.observability import logging as logs
from tests.factories.harness import configure
from tests.factories.world import World, open_world
from tests.integration.identity.conftest import (
    CONTACT_NAME,
    CONTACT_PHONE,
    ENTERPRISE_CODE,
    ID_NUMBER,
    INDIVIDUAL_CODE,
    OTHER_ENTERPRISE_CODE,
    PASSWORD,
    Office,
)
from tests.integration.observability.conftest import Receiver

NOTE = "法定代表人陈小满甲乙之住址在贵阳市"
ORGANISATION = "贵州示例科技有限公司"
TRACE_ID = secrets.token_hex(16)
TRACEPARENT = f"00-{TRACE_ID}-{secrets.token_hex(8)}-01"


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    """Everything that a service would write to its log, at the lowest level, as it would be written."""
    buffer, lazy = io.StringIO(), type(structlog.get_logger())
    structlog.configure(
        processors=logs._processors(""),
        wrapper_class=structlog.make_filtering_bound_logger(0),
        logger_factory=structlog.PrintLoggerFactory(buffer),
        cache_logger_on_first_use=False,
    )
    for module in list(sys.modules.values()):
        logger = vars(module).get("log")
        # A logger that was used before remembers how logging was set up then.
        if isinstance(logger, lazy):
            vars(logger).pop("bind", None)
    yield buffer
    configure(level="CRITICAL")


class Watched:
    """Remembers every secret that it sends, to look for it afterwards."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.office = Office(world.platform)
        self.planted = [CONTACT_NAME, CONTACT_PHONE, ID_NUMBER, INDIVIDUAL_CODE, PASSWORD, NOTE, ORGANISATION]
        self.planted += [ENTERPRISE_CODE, OTHER_ENTERPRISE_CODE]
        client = world.platform.client
        client.headers["traceparent"] = TRACEPARENT
        client.event_hooks["request"] = [self._remember]

    async def _remember(self, request: Any) -> None:
        self.planted += [request.headers[name] for name in ("authorization",) if name in request.headers]

    async def live(self) -> None:
        """An enterprise with its papers, sign-ins, and what a person may get wrong."""
        office = self.office
        party = await office.authenticated("enterprise", OTHER_ENTERPRISE_CODE)
        refused = await office.upload(party, "business_licence", content=NOTE.encode() * 20)
        assert refused.status_code >= 400
        signed_in = await office.sign_in(party.sign_in_name)
        assert signed_in.status_code == 201
        self.planted += [*signed_in.json()["access_tokens"].values(), signed_in.json()["refresh_token"]]
        assert (await office.sign_in(party.sign_in_name, PASSWORD + "x")).status_code == 401
        await office.register("enterprise", CONTACT_PHONE, contact_name=NOTE, id_number=ID_NUMBER)
        await office.get(f"/organisations/{ID_NUMBER}", office.headers(Role.PLATFORM_ADMIN))

    async def break_down(self) -> None:
        """Faults whose words quote rows: the database refuses what people wrote."""
        world = self.world
        for service, table in (("identity", "contact"), ("voucher", "party"), ("order", "cloud_order")):
            async with world.platform.runtime(service).pool.acquire() as connection:
                await connection.execute(f"ALTER TABLE {table} ADD CONSTRAINT never CHECK (false) NOT VALID")
        await self.office.register("enterprise", INDIVIDUAL_CODE)
        await world.place(1_000)
        await world._tell_parties()
        await world.until("voucher", "SELECT count(*) > 0 FROM retry")

    def look(self, *texts: str | bytes) -> list[str]:
        """What was planted and found."""
        joined = "\n".join(text if isinstance(text, str) else text.decode("utf-8", "replace") for text in texts)
        return [secret for secret in self.planted if secret in joined or secret.removeprefix("Bearer ") in joined]


async def test_nothing_personal_is_in_logs_metrics_or_spans(
    databases: Mapping[str, str], receiver: Receiver, lines: io.StringIO
) -> None:
    async with open_world(databases) as world:
        await world.begin_year()
        watched = Watched(world)
        await watched.live()
        await world.awaiting(1_000)
        await world.platform.settle()
        await watched.break_down()
        metrics = (await world.platform.client.get("/metrics")).text
    log = lines.getvalue()
    told = [json.loads(line) for line in log.splitlines()]
    failed = [line for line in told if line["event"] == "request.failed"]
    assert {line["service"] for line in failed} == {"identity", "order"}
    assert all(line["trace_id"] == TRACE_ID and len(line["span_id"]) == 16 for line in failed)
    assert all(len(line["request_id"]) == 16 for line in failed)
    assert all(line["exception"][0]["type"].endswith("CheckViolationError") for line in failed)
    assert all(line["exception"][0]["frames"] for line in failed), "the place of the fault is told"
    assert any(line["event"] == "event.set_aside" and line["service"] == "voucher" for line in told)
    assert len(receiver.of_trace(TRACE_ID)) > 20
    assert "yunquan_http_requests_total" in metrics
    assert len(watched.planted) > 15
    assert watched.look(log, metrics, *receiver.raw) == []


def test_whatever_reaches_a_log_line_is_masked_by_its_form() -> None:
    said = logs.mask_personal(
        None,
        "",
        {
            "reason": f"号码 {ID_NUMBER}，电话 +86{CONTACT_PHONE}, Bearer abc.def",
            "facts": [{"code": INDIVIDUAL_CODE, "account": "6222021234567890123"}],
            "error": "duplicate key value\nDETAIL:  Key (name)=(陈小满甲乙) already exists.",
            "order_id": str(uuid4()),
            "amount_fen": 13985123477,
        },
    )
    text = json.dumps(said, ensure_ascii=False)
    assert not [
        secret
        for secret in (ID_NUMBER, CONTACT_PHONE + ",", INDIVIDUAL_CODE, "6222021", "陈小满", "abc")
        if secret in text
    ]
    assert said["amount_fen"] == 13985123477, "numbers are no texts"
    assert "masked" not in said["order_id"]


def test_a_fault_that_quotes_values_says_only_where_it_happened() -> None:
    def read() -> int:
        return int("陈小满甲乙")

    try:
        read()
    except ValueError as error:
        said = logs.describe_fault(None, "", {"event": "x", "exc_info": error})
    text = json.dumps(said, ensure_ascii=False)
    assert "陈小满" not in text
    assert said["exception"][0]["type"] == "builtins.ValueError"
    assert said["exception"][0]["frames"][-1].endswith(" read")
