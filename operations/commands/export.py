"""export: facts, decisions and postings of one service for auditors, with a manifest they can check."""

import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any
from uuid import UUID

import msgspec

from operations.commands.base import Call, Subparsers, add_service, command
from operations.places import Database, WrongUse, open_estate
from operations.report import Report
from operations.walks import PAGE
from shared.runtime.sql import DriverConnection

# Each section is in the order of its ids, which follow time, so the same data make the same bytes.
_FACTS = """
SELECT event_id AS id, aggregate_type, aggregate_id, version, recorded_at, body FROM fact
WHERE event_id > $1 ORDER BY event_id LIMIT $2
"""
_DECISIONS = """
SELECT id, subject_type, subject_id, act, account_id, role, rule, pack_version, before, after, at, ground, facts
FROM decision WHERE id > $1 ORDER BY id LIMIT $2
"""
_POSTINGS = """
SELECT id, business_key, plan_id, quota_account_id, movement, debit_account, credit_account, amount_fen, order_id, line,
       application_id, reason, rule, pack_version, at
FROM posting WHERE id > $1 ORDER BY id LIMIT $2
"""
_SECTIONS = {"fact": _FACTS, "decision": _DECISIONS, "posting": _POSTINGS}
FREE_TEXT = ("ground", "facts")
"""Of a decision: what people typed may name a person, so only its SHA-256 leaves, to check the original by."""


def add(commands: Subparsers) -> None:
    """Declare the command."""
    parser = command(
        commands,
        "export",
        does="write facts, decisions and postings of a service as JSON lines with a SHA-256 manifest",
        examples="export --service voucher --out voucher.jsonl",
        run=run,
    )
    add_service(parser)
    parser.add_argument("--out", type=Path, required=True, help="the file; FILE.manifest.json lies beside it")


class _Sums:
    """Counts and hashes of what is written, for the whole file and for each section."""

    def __init__(self, handle: IO[bytes]) -> None:
        self._handle = handle
        self.whole = hashlib.sha256()
        self.size_bytes = 0
        self.sections: dict[str, dict[str, Any]] = {}

    def write(self, section: str, values: dict[str, Any]) -> None:
        line = json.dumps({"section": section, **values}, ensure_ascii=False, sort_keys=True, default=str)
        body = f"{line}\n".encode()
        self._handle.write(body)
        self.whole.update(body)
        self.size_bytes += len(body)
        known = self.sections.setdefault(section, {"lines": 0, "first_id": values["id"], "sha256": hashlib.sha256()})
        known["lines"] += 1
        known["last_id"] = values["id"]
        known["sha256"].update(body)


async def run(call: Call) -> Report:
    """Write both files; they appear complete or not at all. Raises: WrongUse."""
    out: Path = call.given.out
    manifest_file = out.with_name(out.name + ".manifest.json")
    _require_room(out, manifest_file)
    async with open_estate([call.given.service]) as estate:
        with _complete(out) as handle:
            sums = _Sums(handle)
            facts = await _write(call, estate[call.given.service], sums)
    manifest = {
        "service": call.given.service,
        "file": out.name,
        "bytes": sums.size_bytes,
        "sha256": sums.whole.hexdigest(),
        "sections": {name: {**known, "sha256": known["sha256"].hexdigest()} for name, known in sums.sections.items()},
        **facts,
    }
    with _complete(manifest_file) as handle:
        handle.write(json.dumps(manifest, ensure_ascii=False, indent=2, sort_keys=True, default=str).encode() + b"\n")
    call.progress.close()
    counts = ", ".join(f"{known['lines']:,} {name}s" for name, known in sums.sections.items()) or "nothing"
    lines = [f"{out}: {counts}", f"sha256 {manifest['sha256']}", f"{manifest_file}"]
    return Report(lines=lines, data=manifest)


def _require_room(out: Path, manifest_file: Path) -> None:
    if out.exists() or manifest_file.exists():
        raise WrongUse(f"{out} or its manifest is there already; evidence is not written over")
    if not out.parent.is_dir():
        raise WrongUse(f"{out.parent} is no folder")


@contextmanager
def _complete(file: Path) -> Iterator[IO[bytes]]:
    """A file that only the owner can read and that takes its name when it is whole and on the disk."""
    fresh = file.with_name(f".{file.name}.part")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as handle:
            yield handle
            handle.flush()
            os.fsync(handle.fileno())
        fresh.replace(file)
    finally:
        fresh.unlink(missing_ok=True)


async def _write(call: Call, database: Database, sums: _Sums) -> dict[str, Any]:
    """All sections in one snapshot, a page at a time."""
    async with database.reading() as connection, connection.transaction(isolation="repeatable_read", readonly=True):
        for section, statement in _SECTIONS.items():
            if section in database.service.metadata.tables:
                await _write_section(call, connection, sums, section=section, statement=statement)
        tables = set(database.service.metadata.tables)
        packs = await connection.fetch("SELECT DISTINCT pack_version FROM decision ORDER BY 1")
    return {"pack_versions": [row["pack_version"] for row in packs], "left_out": sorted(tables - set(_SECTIONS))}


async def _write_section(
    call: Call, connection: DriverConnection, sums: _Sums, *, section: str, statement: str
) -> None:
    after, done = UUID(int=0), 0
    while rows := await connection.fetch(statement, after, PAGE):
        for row in rows:
            sums.write(section, _plain(section, dict(row)))
        after, done = rows[-1]["id"], done + len(rows)
        call.progress.tell(f"{section}s", done)


def _plain(section: str, values: dict[str, Any]) -> dict[str, Any]:
    """A row as auditors get it: moments in UTC, a fact's event as JSON, free text as its hash."""
    if section == "fact":
        values["event"] = msgspec.json.decode(values.pop("body"))
    if section == "decision":
        for name in FREE_TEXT:
            text = values.pop(name)
            body = text if isinstance(text, str) else json.dumps(text, ensure_ascii=False, sort_keys=True)
            values[f"{name}_sha256"] = hashlib.sha256(body.encode()).hexdigest() if text else ""
    return values
