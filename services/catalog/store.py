"""Write SQL of the catalog: load for update, save under the row's version."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import delete, insert, select, update
from sqlalchemy.dialects.postgresql import insert as upsert

from services.catalog.domain.delisting import Delisting, DelistingState
from services.catalog.domain.product import (
    Content,
    Edition,
    EditionState,
    Product,
    ProductState,
    Stage,
    Submission,
    Verdict,
    components_of,
)
from services.catalog.domain.rules import Provider
from services.catalog.domain.search import fold, search_text
from services.catalog.tables import correction, delisting, edition, listed_price, listing, party, product, review
from shared.contracts.messages.identity import OrganisationFact
from shared.kernel.ids import ProductId
from shared.kernel.refusals import invariant
from shared.runtime.sql import Record, execute, fetch_all, fetch_one
from shared.runtime.work import Work

_COPY_PARTIES = """
INSERT INTO party (organisation_id, version, kind, name, search_text, region, authenticated, recognised,
                   suspended_since, closed)
SELECT * FROM unnest($1::uuid[], $2::int[], $3::text[], $4::text[], $5::text[], $6::text[], $7::bool[], $8::bool[],
                     $9::timestamptz[], $10::bool[])
ON CONFLICT (organisation_id) DO UPDATE SET
    version = EXCLUDED.version, kind = EXCLUDED.kind, name = EXCLUDED.name, search_text = EXCLUDED.search_text,
    region = EXCLUDED.region, authenticated = EXCLUDED.authenticated, recognised = EXCLUDED.recognised,
    suspended_since = EXCLUDED.suspended_since, closed = EXCLUDED.closed
WHERE party.version < EXCLUDED.version
"""
_PROVIDER_KIND = "provider"


async def copy_parties(work: Work, facts: Sequence[OrganisationFact]) -> None:
    """Keep the newest state of each organisation."""
    newest: dict[UUID, OrganisationFact] = {}
    for fact in sorted(facts, key=lambda fact: fact.version):
        newest[fact.organisation_id] = fact
    rows = [
        (
            organisation_id,
            fact.version,
            fact.party.kind,
            fact.party.name,
            fold(fact.party.name),
            fact.party.region,
            fact.party.authenticated,
            fact.party.recognised,
            fact.party.suspended_since,
            fact.party.closed,
        )
        for organisation_id, fact in sorted(newest.items())
    ]
    await work.connection.execute(_COPY_PARTIES, *[list(column) for column in zip(*rows, strict=True)])


async def find_provider(work: Work, organisation_id: UUID | None) -> Provider | None:
    """The provider as the copy knows it, or None when it is unknown or no provider."""
    row = await fetch_one(
        work.connection,
        select(party).where(party.c.organisation_id == organisation_id, party.c.kind == _PROVIDER_KIND),
    )
    if row is None:
        return None
    return Provider(
        id=row["organisation_id"],
        authenticated=row["authenticated"],
        recognised=row["recognised"],
        suspended_since=row["suspended_since"],
        closed=row["closed"],
    )


async def find_product(work: Work, product_id: UUID) -> Product | None:
    """The product with its newest edition, locked for this transaction, or None."""
    row = await fetch_one(work.connection, select(product).where(product.c.id == product_id).with_for_update())
    if row is None:
        return None
    of_newest = (edition.c.product_id == product_id, edition.c.number == row["edition"])
    newest = await fetch_one(work.connection, select(edition).where(*of_newest))
    invariant(newest is not None, "a product has its newest edition")
    reviews = await fetch_all(
        work.connection,
        select(review.c.stage, review.c.account_id).where(
            review.c.product_id == product_id, review.c.edition == row["edition"]
        ),
    )
    return Product(
        id=ProductId(row["id"]),
        provider_id=row["provider_id"],
        version=row["version"],
        state=ProductState(row["state"]),
        newest=_edition(newest, reviewers=frozenset((Stage(item["stage"]), item["account_id"]) for item in reviews)),
        published_edition=row["published_edition"],
    )


def _edition(row: Any, *, reviewers: frozenset[tuple[Stage, UUID]]) -> Edition:  # noqa: ANN401 - a Record
    submission = None
    if row["submitted_by"] is not None:
        submission = Submission(
            by=row["submitted_by"],
            declaration_version=row["declaration_version"],
            checklist=tuple(row["checklist"]),
            correction=row["correction"],
        )
    return Edition(
        number=row["number"],
        state=EditionState(row["state"]),
        content=Content(
            name=row["name"],
            class_code=row["class_code"],
            description=row["description"],
            service_standard=row["service_standard"],
            market_reference=row["market_reference"],
            voucher=row["voucher"],
            components=components_of(row["components"]),
        ),
        submission=submission,
        returned_digest=row["returned_digest"],
        reviewers=reviewers,
    )


async def insert_product(work: Work, after: Product) -> None:
    """Write a new product and its first edition."""
    row = {
        "id": after.id,
        "provider_id": after.provider_id,
        "version": after.version,
        "state": after.state,
        "edition": after.newest.number,
        "created_at": work.now,
        "changed_at": work.now,
    }
    await execute(work.connection, insert(product).values(row))
    await _write_edition(work, after)


async def save_product(work: Work, after: Product, **delisted: object) -> None:
    """Write the product after one move, guarded by the version before it; an older published edition ends."""
    changed = {
        "version": after.version,
        "state": after.state,
        "edition": after.newest.number,
        "published_edition": after.published_edition,
        "changed_at": work.now,
        **delisted,
    }
    saved = await execute(
        work.connection,
        update(product).where(product.c.id == after.id, product.c.version == after.version - 1).values(changed),
    )
    invariant(saved == 1, "a product is saved under the lock it was loaded with")
    await _end_replaced_edition(work, after)
    await _write_edition(work, after)


async def save_delisted_product(work: Work, after: Product, *, ground: str) -> None:
    """Write the product off the directory and let open proposals lapse."""
    await execute(work.connection, delete(listing).where(listing.c.product_id == after.id))
    await save_product(work, after, delisted_at=work.now, delisting_ground=ground)
    await lapse_delistings(work, after.id, proposed_until=work.now)


async def lapse_delistings(work: Work, product_id: UUID, *, proposed_until: datetime) -> int:
    """Let open proposals lapse that were made at that moment or before; how many."""
    return await execute(
        work.connection,
        update(delisting)
        .where(
            delisting.c.product_id == product_id,
            delisting.c.state == DelistingState.PROPOSED,
            delisting.c.proposed_at <= proposed_until,
        )
        .values(state=DelistingState.LAPSED, version=delisting.c.version + 1, decided_at=work.now),
    )


async def _end_replaced_edition(work: Work, after: Product) -> None:
    await execute(
        work.connection,
        update(edition)
        .where(
            edition.c.product_id == after.id,
            edition.c.state == EditionState.PUBLISHED,
            edition.c.number != (after.published_edition or 0),
        )
        .values(state=EditionState.ENDED, state_since=work.now),
    )


async def _write_edition(work: Work, after: Product) -> None:
    newest = after.newest
    row: dict[str, Any] = {
        "product_id": after.id,
        "number": newest.number,
        "state": newest.state,
        **content_row(newest.content),
        "returned_digest": newest.returned_digest,
        "drafted_at": work.now,
        "state_since": work.now,
        **_submission_row(newest.submission),
    }
    statement = upsert(edition).values({**row, "submitted_at": work.now if newest.submission else None})
    kept = {"product_id", "number", "drafted_at"}
    changed = {name: statement.excluded[name] for name in row if name not in kept}
    # A submission keeps its time through the reviews and loses it when the edition is rewritten.
    changed["submitted_at"] = (
        statement.excluded.submitted_at
        if newest.submission is None or newest.state is EditionState.SUBMITTED
        else edition.c.submitted_at
    )
    await execute(
        work.connection, statement.on_conflict_do_update(index_elements=["product_id", "number"], set_=changed)
    )


def _submission_row(submission: Submission | None) -> dict[str, Any]:
    if submission is None:
        return {"submitted_by": None, "declaration_version": None, "checklist": [], "correction": ""}
    return {
        "submitted_by": submission.by,
        "declaration_version": submission.declaration_version,
        "checklist": list(submission.checklist),
        "correction": submission.correction,
    }


def content_row(content: Content) -> dict[str, Any]:
    """The columns of an edition's content."""
    return {
        "name": content.name,
        "class_code": content.class_code,
        "description": content.description,
        "service_standard": content.service_standard,
        "market_reference": content.market_reference,
        "voucher": content.voucher,
        "components": [msgspec.structs.asdict(component) for component in content.components],
    }


async def insert_review(work: Work, after: Product, *, stage: Stage, verdict: Verdict, by: UUID, text: str) -> None:  # noqa: PLR0913 - a row of the review table
    """Keep what one reviewer said of the newest edition."""
    row = {
        "id": work.new_id(),
        "product_id": after.id,
        "edition": after.newest.number,
        "stage": stage,
        "verdict": verdict,
        "text": text,
        "account_id": by,
        "at": work.now,
    }
    await execute(work.connection, insert(review).values(row))


async def list_in_directory(work: Work, after: Product) -> None:
    """Make the newest edition what the directory shows, with its prices for the class medians."""
    content = after.newest.content
    row = {
        "product_id": after.id,
        "provider_id": after.provider_id,
        "edition": after.newest.number,
        "class_code": content.class_code,
        "voucher": content.voucher,
        "lowest_price_fen": min(component.price_fen for component in content.components),
        "search_text": search_text([content.name]),
        "published_at": work.now,
    }
    statement = upsert(listing).values(row)
    await execute(work.connection, statement.on_conflict_do_update(index_elements=["product_id"], set_=row))
    await execute(work.connection, delete(listed_price).where(listed_price.c.product_id == after.id))
    prices = [
        {
            "product_id": after.id,
            "code": component.code,
            "class_code": content.class_code,
            "unit_folded": fold(component.unit),
            "price_fen": component.price_fen,
        }
        for component in content.components
    ]
    await execute(work.connection, insert(listed_price).values(prices))


async def insert_correction(work: Work, *, product_id: UUID, text: str, by: UUID, due_at: datetime) -> UUID:
    """Keep a correction order and give its id. Source: A12(2)5, R54."""
    correction_id = work.new_id()
    row = {
        "id": correction_id,
        "product_id": product_id,
        "text": text,
        "ordered_by": by,
        "ordered_at": work.now,
        "due_at": due_at,
    }
    await execute(work.connection, insert(correction).values(row))
    return correction_id


async def corrections_due_at(work: Work, product_id: UUID) -> list[datetime]:
    """When the time of each correction order of the product ends."""
    rows = await fetch_all(work.connection, select(correction.c.due_at).where(correction.c.product_id == product_id))
    return [row["due_at"] for row in rows]


async def insert_delisting(work: Work, proposal: Delisting) -> bool:
    """Write a proposal; False when the product has one that waits already."""
    row = {
        "id": proposal.id,
        "product_id": proposal.product_id,
        "version": proposal.version,
        "state": proposal.state,
        "ground": proposal.ground,
        "evidence": proposal.evidence,
        "proposed_by": proposal.proposed_by,
        "proposed_at": proposal.proposed_at,
    }
    return await execute(work.connection, upsert(delisting).values(row).on_conflict_do_nothing()) == 1


async def product_of_delisting(work: Work, delisting_id: UUID) -> UUID | None:
    """The product a proposal is about, without a lock, or None."""
    row = await fetch_one(work.connection, select(delisting.c.product_id).where(delisting.c.id == delisting_id))
    return None if row is None else row["product_id"]


async def find_delisting(work: Work, delisting_id: UUID) -> Delisting | None:
    """The proposal, locked for this transaction, or None."""
    row: Record | None = await fetch_one(
        work.connection, select(delisting).where(delisting.c.id == delisting_id).with_for_update()
    )
    if row is None:
        return None
    return Delisting(
        id=row["id"],
        product_id=row["product_id"],
        version=row["version"],
        state=DelistingState(row["state"]),
        ground=row["ground"],
        evidence=row["evidence"],
        proposed_by=row["proposed_by"],
        proposed_at=row["proposed_at"],
        statement=row["statement"],
    )


async def save_delisting(work: Work, after: Delisting, **decided: object) -> None:
    """Write a proposal after one move, guarded by the version before it."""
    saved = await execute(
        work.connection,
        update(delisting)
        .where(delisting.c.id == after.id, delisting.c.version == after.version - 1)
        .values(state=after.state, version=after.version, statement=after.statement, **decided),
    )
    invariant(saved == 1, "a proposal is saved under the lock it was loaded with")
