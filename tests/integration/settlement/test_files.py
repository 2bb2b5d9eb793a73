"""Files of drafts: bounded for each provider, removed when nobody submits them, and never while a claim needs them."""

from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest

from services.settlement.jobs import remove_unfiled_evidence
from shared.contracts.permissions import Role
from shared.documents import loose_files
from shared.documents.blobs import EncryptedBlobs
from shared.documents.loose_files import FileNoteGone, FileRules
from shared.runtime.service.runtime import Runtime
from tests.factories.documents import a_jpeg_segment, an_exif, paper_jpeg, paper_pdf, with_segments
from tests.factories.settlement import OTHER_PROVIDER, PROVIDER, Flow, a_flow

_LONG_AGO = "UPDATE loose_file SET remove_after = clock_timestamp() - interval '1 s'"


@pytest.fixture
async def flow(fresh_database: Callable[[], str]) -> AsyncIterator[Flow]:
    async with a_flow(fresh_database) as found:
        yield found


def runtime_of(flow: Flow) -> Runtime:
    return flow.platform.runtime("settlement")


def files_of(flow: Flow) -> list[Path]:
    folder = runtime_of(flow).settings.documents_folder  # type: ignore[attr-defined] # its own
    return [file for file in folder.rglob("*") if file.is_file()]


async def rows(flow: Flow, sql: str) -> int:
    async with runtime_of(flow).reading() as connection:
        found: int = await connection.fetchval(sql)
        return found


async def clear_away(flow: Flow) -> int:
    """What the two jobs do, as often as they find something."""
    async with runtime_of(flow).work() as work:
        await remove_unfiled_evidence(work)
    return await loose_files.remove_loose_files(runtime_of(flow))


def bound(flow: Flow, *, files_max: int = 100, bytes_max: int = 1 << 30, keep_days: int = 90) -> None:
    rules = FileRules(files_max=files_max, bytes_max=bytes_max, keep_days=keep_days)
    runtime_of(flow).ports.add(FileRules, rules)


async def test_a_provider_holds_only_so_many_files_before_it_submits_and_others_are_not_touched(flow: Flow) -> None:
    bound(flow, files_max=4)
    first, second = await flow.an_order(), await flow.an_order()
    draft = await flow.a_draft([first])
    await flow.evidence(draft, [first])
    other_draft = await flow.a_draft([second])
    refused = await flow.put(other_draft, second, "usage", content=paper_pdf(501))
    assert (refused.status_code, refused.json()["code"]) == (422, "documents.quota_exceeded")
    assert refused.json()["facts"]["files"] == 4
    assert len(files_of(flow)) == 4
    foreign = await flow.an_order(provider_id=OTHER_PROVIDER)
    foreign_draft = await flow.a_draft([foreign], organisation_id=OTHER_PROVIDER)
    await flow.evidence(foreign_draft, [foreign], organisation_id=OTHER_PROVIDER)
    assert (await flow.submit(draft)).status_code == 202
    assert (await flow.put(other_draft, second, "usage", content=paper_pdf(501))).status_code == 200


async def test_a_provider_holds_only_so_many_bytes_before_it_submits(flow: Flow) -> None:
    content = paper_pdf(1)
    bound(flow, bytes_max=len(content) * 2 - 1)
    order = await flow.an_order()
    draft = await flow.a_draft([order])
    assert (await flow.put(draft, order, "usage", content=content)).status_code == 200
    refused = await flow.put(draft, order, "contract", content=paper_pdf(2))
    assert (refused.status_code, refused.json()["code"]) == (422, "documents.quota_exceeded")


async def test_the_file_of_a_replaced_piece_is_removed_and_the_new_one_stays(flow: Flow) -> None:
    order = await flow.an_order()
    draft = await flow.a_draft([order])
    for seed in (1, 2):
        assert (await flow.put(draft, order, "usage", content=paper_pdf(seed))).status_code == 200
    assert len(files_of(flow)) == 2
    assert await clear_away(flow) == 1
    assert len(files_of(flow)) == 1
    read = await flow.call("GET", f"/claims/{draft}/documents/{order}/usage")
    assert read.content == paper_pdf(2)


async def test_what_nobody_submits_is_removed_in_time_and_what_was_submitted_never(flow: Flow) -> None:
    kept, discarded, left, fresh = [await flow.an_order() for _ in range(4)]
    filed = await flow.a_submitted([kept])
    drafts = {order: await flow.a_draft([order]) for order in (discarded, left, fresh)}
    for seed, (order, draft) in enumerate(drafts.items(), start=50):
        assert (await flow.put(draft, order, "usage", content=paper_pdf(seed))).status_code == 200
    withdrawn = await flow.call("POST", f"/claims/{drafts[discarded]}/withdraw", json={"reason": "改期"})
    assert withdrawn.status_code == 200
    async with runtime_of(flow).work() as work:
        aged = "UPDATE evidence SET filed_at = filed_at - $2::interval WHERE claim_id = ANY($1)"
        await work.connection.execute(aged, [filed, drafts[left]], timedelta(days=91))
    assert len(files_of(flow)) == 7
    await clear_away(flow)
    assert len(files_of(flow)) == 5
    assert await rows(flow, "SELECT count(*) FROM evidence") == 5
    for claim, order in ((filed, kept), (drafts[fresh], fresh)):
        read = await flow.call("GET", f"/claims/{claim}/documents/{order}/usage")
        assert read.status_code == 200


async def test_a_file_whose_upload_broke_off_is_removed_a_day_later_and_not_before(flow: Flow) -> None:
    runtime, record = runtime_of(flow), UUID(int=7)
    async with runtime.work() as work:
        await loose_files.note(work.connection, "evidence/brokenoff")
    await runtime.ports.get(EncryptedBlobs).put("evidence/brokenoff", b"x", record_id=record)
    assert await clear_away(flow) == 0
    assert len(files_of(flow)) == 1
    async with runtime.work() as work:
        await work.connection.execute(_LONG_AGO)
    with pytest.raises(FileNoteGone):
        async with runtime.work() as work:
            await loose_files.hold(work.connection, "evidence/brokenoff")
    assert await clear_away(flow) == 1
    assert files_of(flow) == []
    assert await rows(flow, "SELECT count(*) FROM loose_file") == 0


async def test_a_removal_that_broke_off_after_the_file_is_done_again(flow: Flow) -> None:
    async with runtime_of(flow).work() as work:
        await loose_files.let_go(work.connection, ["evidence/gone"])
    assert await clear_away(flow) == 1
    assert await rows(flow, "SELECT count(*) FROM loose_file") == 0


async def test_a_recorded_file_has_no_note_and_a_refused_one_leaves_no_file(flow: Flow) -> None:
    order = await flow.an_order()
    draft = await flow.a_draft([order])
    assert (await flow.put(draft, order, "usage", content=paper_pdf(501))).status_code == 200
    assert await rows(flow, "SELECT count(*) FROM loose_file") == 0
    assert (await flow.put(draft, order, "unheard_of", content=paper_pdf(2))).status_code == 422
    assert len(files_of(flow)) == 1


async def test_of_a_photo_with_owner_and_place_only_the_picture_is_stored_and_given_out(flow: Flow) -> None:
    exif = a_jpeg_segment(0xE1, b"Exif\x00\x00" + an_exif(orientation=6))
    order = await flow.an_order()
    draft = await flow.a_draft([order])
    content = with_segments(paper_jpeg(1), exif) + paper_jpeg(2)
    card = await flow.put(draft, order, "usage", content=content)
    assert card.status_code == 200
    read = await flow.call("GET", f"/claims/{draft}/documents/{order}/usage")
    assert b"Chen Xiaoman" not in read.content
    assert read.headers["ETag"] == f'"{card.json()["sha256"]}"'
    assert len(read.content) == card.json()["size_bytes"] < len(content)


async def test_a_provider_has_only_so_many_drafts_open(flow: Flow, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.settlement.handlers.claims.DRAFTS_MAX", 2)
    order = await flow.an_order()
    drafts = [await flow.a_draft([order]) for _ in range(2)]
    body = {"order_ids": [str(order)]}
    refused = await flow.call("POST", "/claims", role=Role.PROVIDER, organisation_id=PROVIDER, json=body)
    assert (refused.status_code, refused.json()["code"]) == (422, "settlement.too_many_drafts")
    withdrawn = await flow.call("POST", f"/claims/{drafts[0]}/withdraw", json={"reason": "改期"})
    assert withdrawn.status_code == 200
    await flow.a_draft([order])
