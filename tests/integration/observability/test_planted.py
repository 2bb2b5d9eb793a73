"""What a person gives of itself is found nowhere in clear: not in tables, dumps, log segments, files or traces."""

import asyncio
import io
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import asyncpg
import pytest

from operations.programs import find_program
from shared.contracts.permissions import Role
from tests.factories.documents import a_jpeg_segment, a_pdf, a_stream, an_exif, paper_jpeg, with_segments
from tests.factories.world import SERVICES, World, open_world
from tests.integration.identity.conftest import OTHER_ENTERPRISE_CODE, Office
from tests.integration.observability.conftest import Receiver, a_traceparent
from tests.integration.observability.test_privacy import lines

__all__ = ["lines"]

_WEIGHTS = tuple(2 ** (17 - place) % 11 for place in range(17))
DUMP_S = 60
_TABLES = "SELECT quote_ident(relname) FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"


def _digits(number: int) -> str:
    return "".join(secrets.choice("0123456789") for _ in range(number))


def an_id_number() -> str:
    """A made-up resident's number whose check place is right."""
    first = f"520102{1950 + secrets.randbelow(50)}0{1 + secrets.randbelow(9)}1{secrets.randbelow(10)}{_digits(3)}"
    return first + "10X98765432"[sum(int(digit) * weight for digit, weight in zip(first, _WEIGHTS, strict=True)) % 11]


@dataclass
class Planted:
    """A person that exists only here."""

    # Characters that nobody else writes, so that finding one means finding this person.
    name: str = field(default_factory=lambda: "".join(chr(0x3400 + secrets.randbelow(0x1900)) for _ in range(5)))
    id_number: str = field(default_factory=an_id_number)
    phone: str = field(default_factory=lambda: f"139{_digits(8)}")
    account: str = field(default_factory=lambda: f"62{_digits(17)}")
    email: str = field(default_factory=lambda: f"{secrets.token_hex(8)}@example.com")

    def marks(self) -> list[bytes]:
        """Everything to look for, as it is and as a database writes bytes."""
        plain = [text.encode() for text in (self.name, self.id_number, self.phone, self.account, self.email)]
        return plain + [mark.hex().encode() for mark in plain]

    @property
    def contact(self) -> dict[str, str]:
        """Whom a provider may ring about an order."""
        return {"name": self.name, "phone": self.phone, "email": self.email}

    def found_in(self, content: bytes) -> list[str]:
        """What of it is there."""
        return [mark.decode() for mark in self.marks() if mark in content]


async def live(office: Office, person: Planted) -> None:
    """Register, upload, hand in, and give the same in the wrong places."""
    party = await office.party(
        "enterprise", OTHER_ENTERPRISE_CODE, contact_name=person.name, contact_phone=person.phone
    )
    await office.upload_all(party)
    exif = a_jpeg_segment(0xE1, b"Exif\x00\x00" + an_exif(orientation=1, text=f"{person.name} {person.id_number}"))
    paper = a_pdf(a_stream(f"({person.name} {person.account} {person.id_number}) Tj".encode()))
    for content in (with_segments(paper_jpeg(5), exif), paper):
        assert (await office.upload(party, "licence", content)).status_code == 201
    assert (await office.submit(party, id_number=person.id_number)).status_code == 200
    refused = await office.register("enterprise", person.id_number, contact_name=person.name)
    assert refused.json()["code"] == "credit_code.is_resident_id"
    assert person.found_in(refused.content) == []
    await office.register("enterprise", person.account, contact_name=person.name)
    await office.get(f"/organisations?text={person.id_number}", office.headers(Role.OPERATOR_LEAD))
    await office.sign_in(person.id_number, person.account)


async def tables_of(world: World, service: str) -> bytes:
    """Every row of a service's database, as a dump would hold it."""
    async with world.platform.runtime(service).pool.acquire() as connection:
        rows = []
        for table in await connection.fetch(_TABLES):
            rows += await connection.fetch(f"SELECT t::text AS row FROM {table[0]} t")  # noqa: S608 - names of our own
            rows += (
                await connection.fetch(
                    # What is kept as bytes, a fact's body for one, is written in hexadecimal above.
                    f"SELECT convert_from(body, 'UTF8') AS row FROM {table[0]}"  # noqa: S608 - as above
                )
                if table[0] in {"fact", "outbox"}
                else []
            )
    return "\n".join(row["row"] or "" for row in rows).encode()


async def buy(world: World, person: Planted) -> None:
    """An order with the person as its contact, and the person named for all orders; both are read again."""
    placed = await world.send("order/orders", Role.ENTERPRISE, {**world.order_body([1_000]), "contact": person.contact})
    assert placed.status_code == 201, placed.text
    client = world.platform.client
    headers = world.platform.headers(Role.ENTERPRISE, service="order", organisation_id=world.enterprise_id)
    named = await client.put("/api/order/v1/contact", json=person.contact, headers=headers)
    assert named.status_code == 204, named.text
    seen = await client.get(f"/api/order/v1/orders/{placed.json()['id']}", headers=headers)
    assert seen.json()["contact"] == person.contact


async def dump_of(dsn: str) -> bytes:
    """A database as pg_dump writes it."""
    connection = await asyncpg.connect(dsn)
    major = connection.get_server_version().major
    await connection.close()
    dump = await asyncio.create_subprocess_exec(
        find_program("pg_dump", server_major=major), "--dbname", dsn, stdout=asyncio.subprocess.PIPE
    )
    async with asyncio.timeout(DUMP_S):
        content, _ = await dump.communicate()
    assert dump.returncode == 0
    assert b"COPY public." in content
    return content


def log_segments(server: Path) -> Iterator[bytes]:
    """The write-ahead log of the server that the tests use."""
    for segment in sorted(server.glob("**/pg_wal/0*")):
        yield segment.read_bytes()


@pytest.mark.requirement("R7")
async def test_a_planted_person_is_nowhere_in_clear(
    databases: Mapping[str, str], receiver: Receiver, lines: io.StringIO
) -> None:
    person = Planted()
    async with open_world(databases) as world:
        await world.begin_year()
        world.platform.client.headers["traceparent"] = a_traceparent()
        await live(Office(world.platform), person)
        await buy(world, person)
        await world.platform.settle()
        for service in SERVICES:
            held = await tables_of(world, service.name) + await dump_of(databases[service.name])
            assert person.found_in(held) == [], service.name
            folder = getattr(world.platform.runtime(service.name).settings, "documents_folder", None)
            files = [] if folder is None else [file for file in folder.rglob("*") if file.is_file()]
            assert [str(file) for file in files if person.found_in(file.read_bytes())] == []
            assert files or service.name != "identity"
        async with world.platform.runtime("identity").pool.acquire() as connection:
            where = await connection.fetchval("SELECT current_setting('data_directory', true)")
    segments = list(log_segments(Path(where))) if where else []
    assert any(OTHER_ENTERPRISE_CODE.encode() in segment for segment in segments), "the log is the one written to"
    assert [place for place, segment in enumerate(segments) if person.found_in(segment)] == []
    assert person.found_in(lines.getvalue().encode()) == []
    assert {span.service for span in receiver.spans} >= {"identity", "order"}, "the traces are those of its acts"
    assert person.found_in(b"".join(receiver.raw)) == []
