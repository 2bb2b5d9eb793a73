"""The parties, products and money of a run, told to the services before it begins.

Identity's and catalog's facts go over the bus as if those services had sent them, so the local copies are made by the
services' own code. The voucher service owns the money, so plan, accounts and postings are written into its database
with the facts that tell of them; the postings say how every fen came where it is.
"""

import os
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from itertools import islice
from uuid import UUID, uuid4

import asyncpg
import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from shared.contracts.messages.base import Event, Fact
from shared.contracts.messages.catalog import Component, ProductPublished
from shared.contracts.messages.identity import OrganisationAuthenticated, Party, ProviderRecognised
from shared.contracts.messages.voucher import PlanPublished, QuotaMoved
from shared.contracts.permissions import Role
from shared.kernel.calendar import BEIJING
from shared.kernel.ids import AccountId, OrganisationId, uuid7
from shared.runtime.auth.tokens import TTL_MAX_S, TokenSigner
from shared.runtime.bus.base import ENVELOPE_EVENTS_MAX, FACT_PARTITION, Bus, Envelope, fact_key

REGIONS = ("520100", "520200", "520300", "520400", "520500")
CLASS_CODE = "compute"
PRICE_FEN = 1_000
CAP_FEN = 5_000_000
KEY_ID = "bench"


@dataclass(frozen=True, slots=True)
class Population:
    """Who takes part: enterprises with money, and providers with one product each (by provider)."""

    enterprises: Sequence[UUID]
    products: Mapping[UUID, UUID]


def population(*, enterprises: int, providers: int) -> Population:
    """Fresh parties."""
    return Population(
        tuple(new_id() for _ in range(enterprises)),
        {new_id(): new_id() for _ in range(providers)},
    )


def new_id() -> UUID:
    """A UUIDv7 of now."""
    return uuid7(int(time.time() * 1_000), int.from_bytes(os.urandom(10), "big") >> 6)


def plan_year() -> int:
    """The scheme's year: days are Beijing days."""
    return datetime.now(BEIJING).year


class Tokens:
    """Signs tokens with a key of our own, and makes the services trust it."""

    def __init__(self) -> None:
        self._key = Ed25519PrivateKey.generate()
        self._signer = TokenSigner(self._key, kid=KEY_ID, issuer="yunquan", ttl_s=TTL_MAX_S, now=time.time)

    async def trust(self, databases: Mapping[str, str]) -> None:
        """Put the public key where each service looks for keys."""
        for dsn in databases.values():
            connection = await asyncpg.connect(dsn)
            await connection.execute(
                "INSERT INTO signing_key (kid, public_key) VALUES ($1, $2)",
                KEY_ID,
                self._key.public_key().public_bytes_raw(),
            )
            await connection.close()

    def bearer(self, organisation_id: UUID, role: Role, *, service: str) -> str:
        """The Authorization header of one member of an organisation, good for five minutes."""
        token = self._signer.sign(
            AccountId(uuid4()),
            audience=service,
            organisation_id=OrganisationId(organisation_id),
            roles=[role],
            region=REGIONS[0],
        )
        return f"Bearer {token}"


def parties(people: Population) -> Iterator[Fact]:
    """Identity's and catalog's facts: all authenticated and recognised, all products published."""
    for index, enterprise in enumerate(people.enterprises):
        party = _party("enterprise", index)
        yield OrganisationAuthenticated(version=1, organisation_id=enterprise, party=party)
    for index, (provider, product) in enumerate(people.products.items()):
        yield ProviderRecognised(version=1, organisation_id=provider, party=_party("provider", index))
        yield ProductPublished(
            version=1,
            product_id=product,
            provider_id=provider,
            edition=1,
            product_name=f"云主机 {index}",
            class_code=CLASS_CODE,
            components=(Component(code="vm", name="云主机", unit="台·月", price_fen=PRICE_FEN),),
            voucher=True,
            service_standard="可用性 99.9%",
            effective_at=datetime(2020, 1, 1, tzinfo=UTC),
        )


def _party(kind: str, index: int) -> Party:
    return Party(
        kind=kind,
        name=f"{kind} {index}",
        credit_code=f"{'9152' if kind == 'enterprise' else '9153'}{index:013d}0",
        region=REGIONS[index % len(REGIONS)],
        authenticated=True,
        recognised=kind == "provider",
        legal_person=True,
        established_on=date(2010, 1, 1),
        size_class="small",
    )


def event_of(fact: Fact) -> Event:
    """A fact as it travels."""
    producer, _, aggregate_type = fact.stream.partition(".")
    return Event(
        id=new_id(),
        source=producer,
        type=fact.type_name(),
        subject=fact.aggregate_id,
        time=datetime.now(UTC).isoformat(),
        sequence=fact.version,
        data=msgspec.Raw(msgspec.json.encode(fact)),
        aggregatetype=aggregate_type,
    )


async def publish(bus: Bus, facts: Iterator[Fact]) -> dict[str, int]:
    """Send facts in envelopes of one stream; how many went out by stream. Raises: RuntimeError."""
    by_stream: dict[str, list[bytes]] = {}
    for fact in facts:
        by_stream.setdefault(fact.stream, []).append(msgspec.json.encode(event_of(fact)))
    for stream, bodies in by_stream.items():
        rest = iter(bodies)
        envelopes = []
        while chunk := list(islice(rest, ENVELOPE_EVENTS_MAX)):
            body = b"[" + b",".join(chunk) + b"]"
            envelopes.append(Envelope(stream.partition(".")[0], fact_key(stream), body, mandatory=False))
        if not all(await bus.publish(envelopes)):
            raise RuntimeError(f"not all facts of {stream} were confirmed")
    return {stream: len(bodies) for stream, bodies in by_stream.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Money:
    """A published plan of this year; each enterprise is granted `grant_fen` (0: no accounts yet)."""

    plan_id: UUID
    total_fen: int
    grant_fen: int


async def fund(dsn: str, people: Population, money: Money) -> None:
    """Write the plan, the accounts, the postings and their facts into the voucher service's database."""
    connection = await asyncpg.connect(dsn)
    async with connection.transaction():
        await _write_plan(connection, money, granted_fen=money.grant_fen * len(people.enterprises))
        if money.grant_fen:
            await _write_accounts(connection, people, money)
    await connection.execute("ANALYZE")
    await connection.close()


async def _write_plan(connection: asyncpg.Connection, money: Money, *, granted_fen: int) -> None:
    year, now = plan_year(), datetime.now(UTC)
    opens_at, closes_at = datetime(year, 1, 1, tzinfo=BEIJING), datetime(year + 1, 1, 1, tzinfo=BEIJING)
    await connection.execute(
        "INSERT INTO plan (id, year, state, total_fen, left_fen, lane_share_bp, cap_fen, opens_at, closes_at,"
        " pack_version, version) VALUES ($1, $2, 'published', $3, $4, 0, $5, $6, $7, 'bench', 1)",
        *(money.plan_id, year, money.total_fen, money.total_fen - granted_fen, CAP_FEN, opens_at, closes_at),
    )
    await connection.execute("INSERT INTO intake_counter (plan_id) VALUES ($1)", money.plan_id)
    rows = [_posting(money.plan_id, None, "open", ("total", "left"), money.total_fen, now)]
    await connection.copy_records_to_table("posting", records=rows, columns=_POSTING)
    fact = PlanPublished(
        version=1, plan_id=money.plan_id, year=year, total_fen=money.total_fen, opens_at=opens_at, closes_at=closes_at
    )
    await _write_facts(connection, [fact])


_POSTING = (
    *("id", "business_key", "plan_id", "quota_account_id", "movement", "debit_account", "credit_account"),
    *("amount_fen", "reason", "rule", "pack_version", "at"),
)


def _posting(  # noqa: PLR0913, PLR0917 - the columns of a posting
    plan_id: UUID, account_id: UUID | None, movement: str, accounts: tuple[str, str], amount_fen: int, at: datetime
) -> tuple[object, ...]:
    key = f"bench:{movement}:{account_id or plan_id}"
    return (new_id(), key, plan_id, account_id, movement, *accounts, amount_fen, "bench", "A15", "bench", at)


async def _write_accounts(connection: asyncpg.Connection, people: Population, money: Money) -> None:
    year, now = plan_year(), datetime.now(UTC)
    accounts = {enterprise: new_id() for enterprise in people.enterprises}
    await connection.copy_records_to_table(
        "quota_account",
        records=[
            (account, money.plan_id, enterprise, year, REGIONS[0], CAP_FEN, money.grant_fen, money.grant_fen, 1)
            for enterprise, account in accounts.items()
        ],
        columns=(
            *("id", "plan_id", "enterprise_id", "year", "region", "cap_fen"),
            *("granted_fen", "available_fen", "version"),
        ),
    )
    rows = []
    for account in accounts.values():
        rows.append(_posting(money.plan_id, account, "earmark", ("left", "earmarked"), money.grant_fen, now))
        rows.append(_posting(money.plan_id, account, "grant", ("earmarked", "available"), money.grant_fen, now))
    await connection.copy_records_to_table("posting", records=rows, columns=_POSTING)
    await _write_facts(
        connection,
        [
            _granted(account, enterprise, year=year, amount_fen=money.grant_fen)
            for enterprise, account in accounts.items()
        ],
    )


def _granted(account_id: UUID, enterprise_id: UUID, *, year: int, amount_fen: int) -> QuotaMoved:
    return QuotaMoved(
        version=1,
        quota_account_id=account_id,
        enterprise_id=enterprise_id,
        year=year,
        movement="grant",
        amount_fen=amount_fen,
        available_fen=amount_fen,
        held_fen=0,
        committed_fen=0,
        claimed_fen=0,
        redeemed_fen=0,
        taken_back_fen=0,
    )


async def _write_facts(connection: asyncpg.Connection, facts: Sequence[Fact]) -> None:
    """Keep facts and queue them, as a Work would."""
    events = [(fact, event_of(fact)) for fact in facts]
    bodies = [msgspec.json.encode(event) for _, event in events]
    await connection.copy_records_to_table(
        "fact",
        records=[
            (event.id, event.aggregatetype, event.subject, event.sequence, body, datetime.now(UTC))
            for (_, event), body in zip(events, bodies, strict=True)
        ],
        columns=("event_id", "aggregate_type", "aggregate_id", "version", "body", "recorded_at"),
    )
    await connection.copy_records_to_table(
        "outbox",
        records=[(FACT_PARTITION, fact_key(fact.stream), body) for (fact, _), body in zip(events, bodies, strict=True)],
        columns=("partition", "routing_key", "body"),
    )
