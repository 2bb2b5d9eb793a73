"""Routes of the ledger's proof: what the last audit came to, a whole proof, and explanations."""

from typing import Annotated
from uuid import UUID

import msgspec
from fastapi import APIRouter, Depends
from starlette.responses import Response

from services.voucher.api.bodies import ReasonBody
from services.voucher.handlers import proofs as handlers
from services.voucher.views import proofs as views
from shared.contracts.permissions import Permission
from shared.runtime.auth import Principal
from shared.runtime.http import Reading, Run, actor_of, require

router = APIRouter(tags=["proof"])

LedgerReader = Annotated[Principal, Depends(require(Permission.VOUCHER_LEDGER_READ))]
Prover = Annotated[Principal, Depends(require(Permission.VOUCHER_LEDGER_PROVE))]
Explainer = Annotated[Principal, Depends(require(Permission.VOUCHER_LEDGER_EXPLAIN))]


@router.get("/proof", summary="账目验证")
async def read_proof(connection: Reading, _reader: LedgerReader) -> Response:
    """What the last audit came to, and every difference that nobody has explained. Source: I1, I2, I4."""
    return Response(msgspec.json.encode(await views.read_proof(connection)), media_type="application/json")


@router.post("/proof/runs", status_code=202, response_model=handlers.ProofRunResult, summary="发起全账验证")
async def begin_proof(run: Run, principal: Prover) -> Response:
    """Prove the whole ledger from its first posting, one at a time; the Location says how far it is."""
    return await run.run(
        handlers.begin_proof,
        handlers.BeginProof(by=actor_of(principal)),
        status=202,
        location=lambda result: f"/api/voucher/v1/proof/runs/{result.id}",
    )


@router.get("/proof/runs/{run_id}", summary="全账验证进度")
async def read_run(connection: Reading, run_id: UUID, _reader: LedgerReader) -> views.ProofRunView:
    """A whole proof and how far it is."""
    return await views.read_run(connection, run_id)


@router.post(
    "/proof/differences/{difference_id}/explain", response_model=handlers.DifferenceResult, summary="说明账目差异"
)
async def explain(run: Run, difference_id: UUID, body: ReasonBody, principal: Explainer) -> Response:
    """Say why a difference was there that is found no more; until then every proof shows it."""
    command = handlers.ExplainDifference(difference_id=difference_id, reason=body.reason, by=actor_of(principal))
    return await run.run(handlers.explain_difference, command)
