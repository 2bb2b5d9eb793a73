"""What the last audit of the ledger came to, what it found, and how far a whole proof is."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from services.voucher.domain.refusals import ProofNotYet
from services.voucher.domain.states import ProofState
from services.voucher.proof import DIFFERENCES_MAX, Difference, PlanSum
from shared.contracts.http.resources import Resource
from shared.runtime.sql import Connection, Record
from shared.runtime.work import NotFound

_PROOF = "SELECT audited_at, whole_at, accounts, postings, lines, plans, posted FROM proof"
# The oldest first, of each check as many as a proof lists; there are twice as many at most (store/proofs).
_OPEN = """
SELECT id, check_name, subject_id, account, stored_fen, computed_fen, found_at, last_found_at, gone_at
FROM proof_difference WHERE explained_at IS NULL ORDER BY check_name, gone_at NULLS FIRST, subject_id, account
"""
_RUN = """
SELECT id, state, begun_at, ended_at, accounts, accounts_done, postings_done, differences FROM proof_run WHERE id = $1
"""


class OpenDifference(Difference, frozen=True, kw_only=True):
    """A difference that nobody has explained: when it was found first and last, and since when it is gone."""

    id: UUID
    found_at: datetime
    last_found_at: datetime
    gone_at: datetime | None


class ProofView(msgspec.Struct, frozen=True, kw_only=True):
    """What the last audit came to. Amounts in fen.

    `balanced` when nothing differed then; `holds` when nothing that was ever found waits for its explanation either.
    """

    audited_at: datetime
    whole_at: datetime | None
    """When the last proof began that read every posting from the first."""
    balanced: bool
    holds: bool
    plans: Sequence[PlanSum]
    differences: Sequence[OpenDifference]
    gone: Sequence[OpenDifference]
    """What was found earlier, is not found any more, and was not explained."""
    posted: Mapping[UUID, Mapping[str, int]]
    accounts: int
    postings: int
    lines: int


class ProofRunView(Resource):
    """A whole proof and how far it is; `differences` is how many stood at its end."""

    id: UUID
    state: ProofState
    begun_at: datetime
    ended_at: datetime | None
    accounts: int
    accounts_done: int
    postings_done: int
    differences: int | None


async def read_proof(connection: Connection) -> ProofView:
    """The last audit. Raises: ProofNotYet."""
    row = await connection.fetchrow(_PROOF)
    if row is None:
        raise ProofNotYet
    found = await _open_differences(connection)
    standing = [one for one in found if one.gone_at is None]
    values: dict[str, Any] = dict(row)
    return ProofView(
        **values | {"plans": msgspec.convert(values["plans"], list[PlanSum])},
        balanced=not standing,
        holds=not found,
        differences=standing,
        gone=[one for one in found if one.gone_at is not None],
    )


async def standing_differences(connection: Connection) -> list[Difference]:
    """What differed when each account and plan was last proved."""
    return [one for one in await _open_differences(connection) if one.gone_at is None]


async def read_run(connection: Connection, run_id: UUID) -> ProofRunView:
    """A whole proof. Raises: NotFound."""
    row = await connection.fetchrow(_RUN, run_id)
    if row is None:
        raise NotFound
    return ProofRunView.model_validate(dict(row))


async def _open_differences(connection: Connection) -> list[OpenDifference]:
    counts: dict[str, int] = {}
    found: list[OpenDifference] = []
    for row in await connection.fetch(_OPEN):
        counts[row["check_name"]] = counts.get(row["check_name"], 0) + 1
        if counts[row["check_name"]] <= DIFFERENCES_MAX:
            found.append(_difference(row))
    return found


def _difference(row: Record) -> OpenDifference:
    return OpenDifference(
        id=row["id"],
        check=row["check_name"],
        subject=row["subject_id"],
        account=row["account"],
        stored_fen=row["stored_fen"],
        computed_fen=row["computed_fen"],
        found_at=row["found_at"],
        last_found_at=row["last_found_at"],
        gone_at=row["gone_at"],
    )
