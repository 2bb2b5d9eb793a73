"""Uploads for authentication: bounded for each organisation, and removed when they are never submitted."""

from datetime import timedelta
from pathlib import Path

from services.identity.jobs import remove_unfiled_documents
from shared.contracts.permissions import Role
from shared.documents import loose_files
from shared.documents.loose_files import FileRules
from tests.factories.documents import paper_pdf, paper_png
from tests.integration.identity.conftest import ENTERPRISE_CODE, OTHER_ENTERPRISE_CODE, PROVIDER_CODE, Office


def files_of(office: Office) -> list[Path]:
    folder = office.platform.runtime("identity").settings.documents_folder  # type: ignore[attr-defined] # its own
    return [file for file in folder.rglob("*") if file.is_file()]


async def test_an_organisation_uploads_only_so_much_before_it_submits_and_others_are_not_touched(
    office: Office,
) -> None:
    rules = FileRules(files_max=2, bytes_max=1 << 30, keep_days=90)
    office.platform.runtime("identity").ports.add(FileRules, rules)
    party, other = await office.party("provider", PROVIDER_CODE), await office.party("enterprise", ENTERPRISE_CODE)
    for seed in (1, 2):
        assert (await office.upload(party, "licence", paper_png(seed))).status_code == 201
    refused = await office.upload(party, "licence", paper_png(3))
    assert (refused.status_code, refused.json()["code"]) == (422, "documents.quota_exceeded")
    assert len(files_of(office)) == 2
    assert (await office.upload(other, "licence", paper_png(4))).status_code == 201


async def test_uploads_that_were_never_submitted_are_removed_in_time_and_submitted_ones_never(office: Office) -> None:
    submitted = await office.party("enterprise", ENTERPRISE_CODE)
    await office.upload(submitted, "licence", paper_pdf(900))
    await office.upload_all(submitted)
    assert (await office.submit(submitted)).status_code == 200
    waiting = await office.party("enterprise", OTHER_ENTERPRISE_CODE)
    assert (await office.upload(waiting, "licence", paper_png(901))).status_code == 201
    runtime = office.platform.runtime("identity")
    before = len(files_of(office))
    async with runtime.work() as work:
        await remove_unfiled_documents(work)
    assert await loose_files.remove_loose_files(runtime) == 0
    async with runtime.work() as work:
        await work.connection.execute(
            "UPDATE document SET uploaded_at = uploaded_at - $1::interval", timedelta(days=91)
        )
    async with runtime.work() as work:
        assert await remove_unfiled_documents(work) == 2
    assert await loose_files.remove_loose_files(runtime) == 2
    assert len(files_of(office)) == before - 2
    kept = await office.fetch("SELECT id FROM document")
    assert len(kept) == before - 2
    for row in kept:
        read = await office.get(f"/documents/{row['id']}", office.own(submitted))
        assert read.status_code == 200


async def test_spellings_of_a_name_find_the_organisation_and_it_stays_as_it_was_written(office: Office) -> None:
    await office.party("enterprise", ENTERPRISE_CODE, name="贵州〔集团〕ＡＢＣ有限公司")
    for text in ("贵州（集团）abc", "贵州(集团) ABC有限", "【集团】"):
        found = await office.get(f"/organisations?text={text}", office.headers(Role.OPERATOR_LEAD))
        assert [item["name"] for item in found.json()["data"]] == ["贵州〔集团〕ＡＢＣ有限公司"]


async def test_a_rare_character_is_a_name_and_an_unseen_one_is_not(office: Office) -> None:
    taken = await office.register(
        "enterprise", ENTERPRISE_CODE, name="贵州\U000323b0记科技", contact_name="\U00031350生"
    )
    assert taken.status_code == 201
    for changes in ({"name": "贵州\u3164科技"}, {"contact_name": "\u200b"}, {"contact_name": "\u2800\u2800"}):
        refused = await office.register("enterprise", OTHER_ENTERPRISE_CODE, **changes)
        assert refused.status_code == 422
        assert refused.json()["code"].endswith("name_malformed")


async def test_phone_numbers_are_taken_as_people_write_them(office: Office) -> None:
    for code, phone in (
        (ENTERPRISE_CODE, "＋８６　１３８-１２３４-５６７８"),
        (OTHER_ENTERPRISE_CODE, "（0851）8681 2345"),
    ):
        assert (await office.register("enterprise", code, contact_phone=phone)).status_code == 201
