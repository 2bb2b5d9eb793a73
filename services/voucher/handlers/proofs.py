"""A whole proof begins, and a difference that has gone is explained. Source: I1, I2, I4, R9."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from services.voucher.domain.refusals import DifferenceExplained, DifferenceStands, ProofRunning
from services.voucher.domain.states import ProofState
from services.voucher.store import proofs
from shared.runtime.work import Actor, Decision, NotFound, Work


@dataclass(frozen=True, slots=True, kw_only=True)
class BeginProof:
    """Prove the whole ledger from its first posting."""

    by: Actor


@dataclass(frozen=True, slots=True, kw_only=True)
class ExplainDifference:
    """Say why a difference was there that is there no more."""

    difference_id: UUID
    reason: str
    by: Actor


@dataclass(frozen=True, slots=True, kw_only=True)
class ProofRunResult:
    """A whole proof that has begun; `accounts` are as many as the last audit saw."""

    id: UUID
    state: str
    begun_at: datetime
    accounts: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DifferenceResult:
    """A difference that was explained."""

    id: UUID
    explanation: str
    explained_at: datetime


async def begin_proof(work: Work, command: BeginProof) -> ProofRunResult:
    """Write down that the whole ledger is to be proved; a job does it, page by page. Raises: ProofRunning."""
    await proofs.lock_runs(work)
    running = await proofs.find_running(work.connection)
    if running is not None:
        raise ProofRunning(run_id=str(running["id"]))
    values: dict[str, Any] = {
        "id": work.new_id(),
        "state": ProofState.RUNNING.value,
        "begun_at": work.now,
        "accounts": await proofs.count_proved(work.connection),
    }
    await proofs.insert_run(work, {**values, "begun_by": command.by.account_id})
    work.decide(
        Decision(
            subject_type="proof_run",
            subject_id=values["id"],
            act="proof.begin",
            by=command.by,
            rule="A9",
        )
    )
    return ProofRunResult(**values)


async def explain_difference(work: Work, command: ExplainDifference) -> DifferenceResult:
    """Close a difference that is found no more, with its explanation; one that stands cannot be explained away.

    Raises: NotFound, DifferenceStands, DifferenceExplained.
    """
    found = await proofs.lock_difference(work.connection, command.difference_id)
    if found is None:
        raise NotFound
    if found["explained_at"] is not None:
        raise DifferenceExplained
    if found["gone_at"] is None:
        raise DifferenceStands
    values = {
        "explanation": command.reason,
        "explained_by": command.by.account_id,
        "explained_at": work.now,
    }
    await proofs.explain_difference(work, command.difference_id, values)
    work.decide(
        Decision(
            subject_type="proof_difference",
            subject_id=command.difference_id,
            act="proof.explain",
            by=command.by,
            rule="A9",
            ground=command.reason,
            facts={
                "check": found["check_name"],
                "subject_id": str(found["subject_id"]),
                "account": found["account"],
                "stored_fen": found["stored_fen"],
                "computed_fen": found["computed_fen"],
            },
        )
    )
    return DifferenceResult(id=command.difference_id, explanation=command.reason, explained_at=work.now)
