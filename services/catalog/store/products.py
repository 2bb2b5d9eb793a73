"""Products, their editions and what reviewers said of them."""

from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import insert, select, update
from sqlalchemy.dialects.postgresql import insert as upsert

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
from services.catalog.store.delistings import lapse_delistings
from services.catalog.store.directory import take_off_directory
from services.catalog.tables import EDITION, PRODUCT, REVIEW
from shared.kernel.ids import ProductId
from shared.kernel.refusals import bug, invariant
from shared.runtime.sql import Connection, Record, execute, fetch_all, fetch_one
from shared.runtime.work import Work


async def find_product(connection: Connection, product_id: UUID) -> Product | None:
    """The product with its newest edition, locked for this transaction, or None."""
    row = await fetch_one(connection, select(PRODUCT).where(PRODUCT.c.id == product_id).with_for_update())
    if row is None:
        return None
    of_newest = (EDITION.c.product_id == product_id, EDITION.c.number == row["edition"])
    newest = await fetch_one(connection, select(EDITION).where(*of_newest))
    if newest is None:
        bug("a product has its newest edition")
    reviews = await fetch_all(
        connection,
        select(REVIEW.c.stage, REVIEW.c.account_id).where(
            REVIEW.c.product_id == product_id, REVIEW.c.edition == row["edition"]
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


def _edition(row: Record, *, reviewers: frozenset[tuple[Stage, UUID]]) -> Edition:
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


async def add_product(work: Work, after: Product) -> None:
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
    await execute(work.connection, insert(PRODUCT).values(row))
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
        update(PRODUCT).where(PRODUCT.c.id == after.id, PRODUCT.c.version == after.version - 1).values(changed),
    )
    invariant(saved == 1, "a product is saved under the lock it was loaded with")
    await _end_replaced_edition(work, after)
    await _write_edition(work, after)


async def save_delisted_product(work: Work, after: Product, *, ground: str) -> None:
    """Write the product off the directory and let open proposals lapse."""
    await take_off_directory(work, after.id)
    await save_product(work, after, delisted_at=work.now, delisting_ground=ground)
    await lapse_delistings(work, after.id, proposed_until=work.now)


async def _end_replaced_edition(work: Work, after: Product) -> None:
    await execute(
        work.connection,
        update(EDITION)
        .where(
            EDITION.c.product_id == after.id,
            EDITION.c.state == EditionState.PUBLISHED,
            EDITION.c.number != (after.published_edition or 0),
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
    statement = upsert(EDITION).values({**row, "submitted_at": work.now if newest.submission else None})
    kept = {"product_id", "number", "drafted_at"}
    changed = {name: statement.excluded[name] for name in row if name not in kept}
    # A submission keeps its time through the reviews and loses it when the edition is rewritten.
    changed["submitted_at"] = (
        statement.excluded.submitted_at
        if newest.submission is None or newest.state is EditionState.SUBMITTED
        else EDITION.c.submitted_at
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


async def add_review(work: Work, after: Product, *, stage: Stage, verdict: Verdict, by: UUID, text: str) -> None:  # noqa: PLR0913 - a row of the review table
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
    await execute(work.connection, insert(REVIEW).values(row))
