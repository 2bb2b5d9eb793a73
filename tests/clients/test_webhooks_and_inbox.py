"""What the client verifies of a webhook, also by the reference library, and an inbox that deals with an event once."""

import base64
import json
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook
from yunquan_client import Arrival, Event, Inbox, WebhookRefused, Webhooks

SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()
OTHER_SECRET = "whsec_" + base64.b64encode(bytes(range(1, 33))).decode()
PRIVATE = Ed25519PrivateKey.generate()
PUBLIC = "whpk_" + base64.b64encode(PRIVATE.public_key().public_bytes_raw()).decode()
NOW = datetime(2026, 12, 1, 9, 30, tzinfo=UTC)
BODY = json.dumps(
    {
        "id": "e1",
        "type": "order.confirmed",
        "timestamp": NOW.isoformat(),
        "sequence": 3,
        "data": {"order_id": "o1", "version": 3},
    }
).encode()


def signed(body: bytes = BODY, *, secret: str = SECRET, at: datetime = NOW, webhook_id: str = "e1") -> dict[str, str]:
    """Headers that the reference library and the platform's key made."""
    text = f"{webhook_id}.{int(at.timestamp())}.".encode() + body
    by_key = "v1a," + base64.b64encode(PRIVATE.sign(text)).decode()
    by_secret = Webhook(secret).sign(webhook_id, at, body.decode())
    return {
        "Webhook-Id": webhook_id,
        "Webhook-Timestamp": str(int(at.timestamp())),
        "Webhook-Signature": f"{by_key} {by_secret}",
    }


def webhooks(**given: list[str]) -> Webhooks:
    return Webhooks(clock=NOW.timestamp, **(given or {"secrets": [SECRET], "public_keys": [PUBLIC]}))


@pytest.mark.parametrize(
    "given", [{"secrets": [SECRET]}, {"public_keys": [PUBLIC]}, {"secrets": [OTHER_SECRET, SECRET]}]
)
def test_what_the_platform_signed_is_taken_with_either_signature(given: dict[str, list[str]]) -> None:
    event = webhooks(**given).verify(signed(), BODY)
    assert (event.id, event.type, event.sequence, event.order_id) == ("e1", "order.confirmed", 3, "o1")


@given(place=st.integers(0, len(BODY) - 1), bit=st.integers(0, 7))
def test_any_other_body_is_refused(place: int, bit: int) -> None:
    changed = bytearray(BODY)
    changed[place] ^= 1 << bit
    with pytest.raises(WebhookRefused):
        webhooks().verify(signed(), bytes(changed))


@pytest.mark.parametrize("seconds", [-301, 301])
def test_a_request_of_another_time_is_refused_though_its_signature_fits(seconds: int) -> None:
    at = datetime.fromtimestamp(NOW.timestamp() + seconds, UTC)
    with pytest.raises(WebhookRefused, match="five minutes"):
        webhooks().verify(signed(at=at), BODY)


@pytest.mark.parametrize(
    "change",
    [
        {"Webhook-Id": "e2"},
        {"Webhook-Timestamp": str(int(NOW.timestamp()) + 1)},
        {"Webhook-Timestamp": "²"},
        {"Webhook-Signature": ""},
        {"Webhook-Signature": "v1,!!! v1a,AAAA v2,x"},
        {"Webhook-Signature": "v1," + base64.b64encode(bytes(32)).decode()},
        {"Webhook-Id": ""},
        {"Webhook-Id": "\udcff"},
        {"Webhook-Signature": "v1,é"},
    ],
)
def test_headers_that_were_changed_are_refused(change: dict[str, str]) -> None:
    with pytest.raises(WebhookRefused):
        webhooks().verify(signed() | change, BODY)


def test_a_signature_by_another_secret_or_of_another_body_is_refused() -> None:
    with pytest.raises(WebhookRefused, match="no signature"):
        webhooks(secrets=[SECRET]).verify(signed(secret=OTHER_SECRET), BODY)
    with pytest.raises(WebhookRefused, match="another event"):
        webhooks().verify(signed(webhook_id="e2"), BODY)
    with pytest.raises(WebhookRefused, match="no event"):
        webhooks().verify(signed(b"[]"), b"[]")


@pytest.mark.parametrize(
    "given", [{}, {"secrets": ["x"]}, {"secrets": ["whsec_!"]}, {"secrets": ["whsec_"]}, {"public_keys": ["whpk_AAAA"]}]
)
def test_a_secret_of_another_form_is_told_at_the_start(given: dict[str, list[str]]) -> None:
    with pytest.raises(ValueError, match=r"."):
        Webhooks(**given)


def event(number: int, *, sequence: int = 1, order_id: str = "o1") -> Event:
    return Event(f"e{number}", "order.placed", NOW, sequence, {"order_id": order_id})


@pytest.fixture
def file(tmp_path: Path) -> Iterator[Path]:
    path = tmp_path / "inbox.db"
    with closing(sqlite3.connect(path)) as database:
        Inbox().create(database)
        Inbox().create(database)
        database.execute("CREATE TABLE work (event_id text)")
        database.commit()
    return path


def dealt(path: Path) -> list[str]:
    with closing(sqlite3.connect(path)) as database:
        return [row[0] for row in database.execute("SELECT event_id FROM work ORDER BY rowid")]


def receive(path: Path, found: Event, *, fail: bool = False) -> Arrival:
    with closing(sqlite3.connect(path, timeout=30)) as database, Inbox().receiving(database, found) as arrival:
        if arrival is not Arrival.REPEATED:
            database.execute("INSERT INTO work VALUES (?)", (found.id,))
        if fail:
            raise ConnectionError
    return arrival


def test_an_event_is_dealt_with_once(file: Path) -> None:
    arrivals = [receive(file, event(1)), receive(file, event(1)), receive(file, event(2, sequence=2))]
    assert arrivals == [Arrival.NEW, Arrival.REPEATED, Arrival.NEW]
    assert dealt(file) == ["e1", "e2"]


def test_work_that_failed_is_done_when_the_event_comes_again(file: Path) -> None:
    with pytest.raises(ConnectionError):
        receive(file, event(1), fail=True)
    assert dealt(file) == []
    assert receive(file, event(1)) is Arrival.NEW
    assert dealt(file) == ["e1"]


def test_a_connection_without_transactions_is_refused(file: Path) -> None:
    with (
        closing(sqlite3.connect(file, isolation_level=None)) as database,
        pytest.raises(ValueError, match="by itself"),
        Inbox().receiving(database, event(1)),
    ):
        raise AssertionError
    assert receive(file, event(1)) is Arrival.NEW


def test_an_event_that_was_overtaken_is_told_so(file: Path) -> None:
    assert receive(file, event(3, sequence=3)) is Arrival.NEW
    assert receive(file, event(2, sequence=2)) is Arrival.LATE
    assert receive(file, event(9, sequence=1, order_id="o2")) is Arrival.NEW


def test_two_receivers_of_one_event_deal_with_it_once(file: Path) -> None:
    arrivals: list[Arrival] = []
    threads = [threading.Thread(target=lambda: arrivals.append(receive(file, event(1)))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(arrivals) == [Arrival.NEW, *[Arrival.REPEATED] * 7]
    assert dealt(file) == ["e1"]


def test_an_inbox_takes_no_other_text_into_its_statements() -> None:
    for wrong in ({"table": "x; DROP TABLE y"}, {"placeholder": ":1"}):
        with pytest.raises(ValueError, match=r"."):
            Inbox(**wrong)
