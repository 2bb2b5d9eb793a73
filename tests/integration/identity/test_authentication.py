"""Documents and real-name authentication over HTTP."""

import hashlib
from uuid import uuid4

import pytest

from shared.contracts.permissions import Role
from tests.factories.documents import a_blank_png, a_png_claiming, paper_pdf, paper_png
from tests.integration.identity.conftest import (
    BASE,
    CONTACT_NAME,
    CONTACT_PHONE,
    ENTERPRISE_CODE,
    ID_NUMBER,
    INDIVIDUAL_CODE,
    OTHER_ENTERPRISE_CODE,
    PROVIDER_CODE,
    Office,
    Party,
)


@pytest.mark.requirement("R65")
async def test_an_uploaded_document_is_sealed_and_comes_back_as_an_attachment(office: Office) -> None:
    party, content = await office.party("enterprise", ENTERPRISE_CODE), paper_png(7)
    uploaded = await office.upload(party, "licence", content)
    assert uploaded.status_code == 201
    assert uploaded.json()["sha256"] == hashlib.sha256(content).hexdigest()
    got = await office.client.get(uploaded.headers["location"], headers=office.own(party))
    assert got.content == content
    assert got.headers["content-type"] == "image/png"
    assert got.headers["content-disposition"] == 'attachment; filename="licence-1.png"'
    assert got.headers["x-content-type-options"] == "nosniff"
    folder = office.platform.runtime("identity").settings.documents_folder  # type: ignore[attr-defined]
    stored = [path.read_bytes() for path in folder.rglob("*") if path.is_file()]
    assert len(stored) == 1
    assert content[:64] not in stored[0]


@pytest.mark.requirement("R7")
async def test_who_read_a_document_is_recorded(office: Office) -> None:
    party = await office.party("enterprise", ENTERPRISE_CODE)
    document_id = (await office.upload(party, "licence")).json()["id"]
    clerk = uuid4()
    await office.get(f"/documents/{document_id}", office.headers(Role.OPERATOR_CLERK, account_id=clerk))
    rows = await office.fetch("SELECT account_id, role FROM decision WHERE act = 'document.read'")
    assert [tuple(row) for row in rows] == [(clerk, "operator_clerk")]


async def test_an_auditor_reads_who_read_a_document_and_who_was_denied_it(office: Office) -> None:
    party = await office.party("enterprise", ENTERPRISE_CODE)
    other = await office.party("enterprise", OTHER_ENTERPRISE_CODE)
    document_id = (await office.upload(party, "licence")).json()["id"]
    path, clerk, payer = f"/documents/{document_id}", uuid4(), uuid4()
    assert (await office.get(path, office.headers(Role.OPERATOR_CLERK, account_id=clerk))).status_code == 200
    assert (await office.get(path, office.own(other))).status_code == 404
    assert (await office.get(path, office.headers(Role.FINANCE, account_id=payer))).status_code == 403
    assert (await office.get(f"/documents/{uuid4()}", office.own(other))).status_code == 404
    auditor = office.headers(Role.AUDITOR)
    reads = (await office.get(f"/document-reads?organisation_id={party.id}", auditor)).json()["data"]
    assert [(read["account_id"], read["denied"], read["document_kind"]) for read in reads] == [
        (str(payer), True, "licence"),
        (str(other.account_id), True, "licence"),
        (str(clerk), False, "licence"),
    ]
    assert reads[1]["sign_in_name"] == other.sign_in_name
    for narrowed, count in ((f"account_id={payer}", 1), ("denied=false", 1), (f"organisation_id={other.id}", 0)):
        assert len((await office.get(f"/document-reads?{narrowed}", auditor)).json()["data"]) == count, narrowed
    assert (await office.get("/document-reads", office.headers(Role.OPERATOR_CLERK))).status_code == 403


@pytest.mark.requirement("R45")
@pytest.mark.parametrize(
    ("content", "status", "code"),
    [
        (b"<html><script>alert(1)</script></html>", 415, "documents.unsupported_type"),
        (paper_png(1) + b"<script>", 415, "documents.trailing_content"),
        (a_png_claiming(width_px=50_000, height_px=50_000), 413, "documents.too_many_pixels"),
        (paper_png(1)[:-20], 415, "documents.broken"),
        (b"", 415, "documents.unsupported_type"),
        (b"\x89PNG\r\n\x1a\n" + bytes(11 * 1024 * 1024), 413, "documents.too_large"),
    ],
)
async def test_a_disguised_or_hostile_file_is_refused_and_nothing_is_kept(
    office: Office, content: bytes, status: int, code: str
) -> None:
    party = await office.party("enterprise", ENTERPRISE_CODE)
    response = await office.upload(party, "licence", content)
    assert (response.status_code, response.json()["code"]) == (status, code)
    assert await office.fetch("SELECT 1 FROM document") == []


async def test_a_new_upload_is_a_new_version_and_unknown_kinds_are_refused(office: Office) -> None:
    party = await office.party("provider", PROVIDER_CODE)
    versions = [
        (await office.upload(party, "licence", file)).json()["version"] for file in (paper_pdf(1), paper_png(2))
    ]
    assert versions == [1, 2]
    refused = await office.upload(party, "id_front")
    assert (refused.status_code, refused.json()["code"]) == (422, "identity.document_kind_unknown")


async def test_a_repeated_upload_leaves_one_row_and_one_file(office: Office) -> None:
    party = await office.party("enterprise", ENTERPRISE_CODE)
    headers = office.own(party)
    url = f"{BASE}/organisations/{party.id}/documents/licence"
    first = await office.client.put(url, content=paper_png(1), headers=headers)
    second = await office.client.put(url, content=paper_png(1), headers=headers)
    assert first.json() == second.json()
    other = await office.client.put(url, content=paper_png(2), headers=headers)
    assert (other.status_code, other.json()["code"]) == (422, "idempotency.key_reused")
    folder = office.platform.runtime("identity").settings.documents_folder  # type: ignore[attr-defined]
    assert len([path for path in folder.rglob("*") if path.is_file()]) == 1


async def test_what_belongs_to_another_party_is_not_found(office: Office) -> None:
    party = await office.authenticated("enterprise", ENTERPRISE_CODE)
    other = await office.party("enterprise", OTHER_ENTERPRISE_CODE)
    document = (await office.fetch("SELECT id FROM document LIMIT 1"))[0]["id"]
    intruder = Party(party.id, other.account_id, "enterprise", "")
    stranger = office.headers(Role.ENTERPRISE, organisation_id=other.id, account_id=other.account_id)
    assert (await office.get(f"/organisations/{party.id}", stranger)).status_code == 404
    assert (await office.get(f"/documents/{document}", stranger)).status_code == 404
    put = await office.client.put(
        f"{BASE}/organisations/{intruder.id}/documents/licence", content=paper_png(1), headers=office.own(other)
    )
    assert put.status_code == 404
    body = {
        "legal_person": True,
        "established_on": "2015-03-01",
        "size_class": "small",
        "declaration_version": "1.0.0",
    }
    posted = await office.post(f"/organisations/{party.id}/authentication", body, office.own(other))
    assert posted.status_code == 404
    tie = {
        "organisation_id": str(party.id),
        "counterpart_code": PROVIDER_CODE,
        "kind": "property_tie",
        "source": "申报",
    }
    assert (await office.post("/affiliations", tie, office.own(other))).status_code == 404
    assert [row["id"] for row in (await office.get("/organisations", stranger)).json()["data"]] == [str(other.id)]


@pytest.mark.requirement("R5")
async def test_a_regional_authority_sees_its_own_region_only(office: Office) -> None:
    party = await office.party("enterprise", ENTERPRISE_CODE)
    other = await office.party("enterprise", OTHER_ENTERPRISE_CODE, region="520300")
    region = office.headers(Role.REGION, region="520300")
    listed = (await office.get("/organisations", region)).json()["data"]
    assert [row["id"] for row in listed] == [str(other.id)]
    assert (await office.get(f"/organisations/{party.id}", region)).status_code == 404
    seen = (await office.get(f"/organisations/{other.id}", region)).json()
    assert seen["contact"] is None
    document_id = (await office.upload(other, "licence")).json()["id"]
    assert (await office.get(f"/documents/{document_id}", region)).status_code == 403


@pytest.mark.requirement("R66")
async def test_an_enterprise_is_authenticated_step_by_step(office: Office) -> None:
    party = await office.party("enterprise", ENTERPRISE_CODE)
    missing = await office.submit(party)
    assert (missing.status_code, missing.json()["code"]) == (422, "identity.documents_missing")
    assert missing.json()["facts"]["kinds"] == ["licence", "id_front", "id_back", "enterprise_form"]
    await office.upload_all(party)
    assert (await office.submit(party)).json()["state"] == "submitted"
    assert (await office.upload(party, "licence")).status_code == 409
    queue = (await office.get("/authentications", office.headers(Role.OPERATOR_CLERK))).json()["data"]
    assert [row["id"] for row in queue] == [str(party.id)]
    assert (await office.approve(party)).json()["state"] == "authenticated"
    await office.platform.settle()
    assert [name for _, name in await office.facts(party.id)] == [
        "identity.organisation_registered.v1",
        "identity.authentication_submitted.v1",
        "identity.organisation_authenticated.v1",
    ]
    again = await office.approve(party)
    assert (again.status_code, again.json()["code"]) == (409, "identity.authentication_not_open")


@pytest.mark.requirement("R65")
async def test_the_contact_is_shown_to_its_party_and_reviewers_with_a_masked_id_number(office: Office) -> None:
    party = await office.authenticated("enterprise", ENTERPRISE_CODE)
    for headers, elsewhere in ((office.own(party), None), (office.headers(Role.OPERATOR_CLERK), 0)):
        contact = (await office.get(f"/organisations/{party.id}", headers)).json()["contact"]
        assert contact == {
            "name": CONTACT_NAME,
            "phone": CONTACT_PHONE,
            "id_number_masked": "110***********002X",
            "same_id_number_elsewhere": elsewhere,
        }
    for role in (Role.AUDITOR, Role.BUREAU_LEAD):
        response = await office.get(f"/organisations/{party.id}", office.headers(role))
        assert response.json()["contact"] is None
        assert CONTACT_PHONE not in response.text


async def test_two_contacts_without_an_id_number_are_not_one_person(office: Office) -> None:
    first = await office.authenticated("provider", PROVIDER_CODE)
    await office.authenticated("provider", OTHER_ENTERPRISE_CODE)
    seen = (await office.get(f"/organisations/{first.id}", office.headers(Role.OPERATOR_CLERK))).json()
    assert seen["contact"]["same_id_number_elsewhere"] == 0


async def test_a_reviewer_sees_that_one_person_stands_for_two_companies(office: Office) -> None:
    party = await office.authenticated("enterprise", ENTERPRISE_CODE)
    await office.authenticated("enterprise", OTHER_ENTERPRISE_CODE)
    seen = (await office.get(f"/organisations/{party.id}", office.headers(Role.OPERATOR_CLERK))).json()
    assert seen["contact"]["same_id_number_elsewhere"] == 1
    assert (seen["province_hint"], seen["registered_long_enough"]) == ("52", True)


@pytest.mark.requirement("R45")
async def test_material_goes_back_with_a_reason_for_each_document_and_comes_again(office: Office) -> None:
    party = await office.party("enterprise", ENTERPRISE_CODE)
    await office.upload_all(party)
    await office.submit(party)
    body = {"reason": "请补正", "documents": {"licence": "公章不清晰"}}
    path = f"/organisations/{party.id}/authentication/send-back"
    sent_back = await office.post(path, body, office.headers(Role.OPERATOR_CLERK))
    assert sent_back.json()["state"] == "sent_back"
    notices = (await office.get("/notices", office.own(party))).json()["data"]
    assert notices[0]["event"] == "authentication.send_back"
    assert "公章不清晰" in notices[0]["text"]
    tasks = (await office.get("/tasks", office.own(party))).json()["data"]
    assert [task["kind"] for task in tasks] == ["authentication.submit"]
    assert (await office.upload(party, "licence", paper_png(9))).json()["version"] == 2
    assert (await office.submit(party)).json()["state"] == "submitted"


async def sent_back(office: Office, **named: str) -> Party:
    """An enterprise whose material came back; `named` gives reasons by document."""
    party = await office.party("enterprise", ENTERPRISE_CODE)
    await office.upload_all(party)
    await office.submit(party)
    body = {"reason": "请补正", "documents": named}
    path = f"/organisations/{party.id}/authentication/send-back"
    assert (await office.post(path, body, office.headers(Role.OPERATOR_CLERK))).status_code == 200
    return party


async def test_what_came_back_is_not_handed_in_again_as_it_was(office: Office) -> None:
    party = await sent_back(office, licence="公章不清晰")
    same = await office.submit(party)
    assert (same.status_code, same.json()["code"]) == (422, "identity.submission_unchanged")
    # The same file once more, and a change of what nobody found fault with, put nothing right.
    assert (await office.upload(party, "licence")).json()["version"] == 2
    other = await office.submit(party, established_on="2016-03-01")
    assert (other.status_code, other.json()["facts"]["kinds"]) == (422, ["licence"])
    said = await office.submit(party, correction="公章位置已对照原件核实，系套印，无法更清晰。")
    assert said.json()["state"] == "submitted"
    seen = (await office.get(f"/organisations/{party.id}", office.headers(Role.OPERATOR_CLERK))).json()
    assert seen["submissions"][0]["correction"].startswith("公章位置")


async def test_where_no_document_was_named_any_change_will_do(office: Office) -> None:
    party = await sent_back(office)
    assert (await office.submit(party)).json()["code"] == "identity.submission_unchanged"
    assert (await office.submit(party, size_class="micro")).json()["state"] == "submitted"


async def test_a_refused_party_may_hand_in_again(office: Office) -> None:
    party = await office.party("enterprise", ENTERPRISE_CODE)
    await office.upload_all(party)
    await office.submit(party)
    path = f"/organisations/{party.id}/authentication/refuse"
    refused = await office.post(path, {"reason": "资料虚假"}, office.headers(Role.OPERATOR_CLERK))
    assert refused.json()["state"] == "refused"
    assert (await office.submit(party, established_on="2016-03-01")).status_code == 200


@pytest.mark.requirement("R65")
async def test_a_hard_to_read_document_needs_an_explanation(office: Office) -> None:
    party = await office.party("enterprise", ENTERPRISE_CODE)
    await office.upload_all(party)
    assert (await office.upload(party, "licence", a_blank_png())).json()["legible"] is False
    refused = await office.submit(party)
    assert (refused.status_code, refused.json()["code"]) == (422, "identity.documents_illegible")
    assert (await office.submit(party, illegible_reasons={"licence": "原件老旧褪色"})).status_code == 200


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"declaration_version": "0.9.0"}, "identity.declaration_outdated"),
        ({"legal_person": False}, "identity.legal_person_required"),
        ({"established_on": "2999-01-01"}, "identity.established_in_future"),
        ({"id_number": ""}, "identity.id_number_required"),
    ],
)
async def test_a_submission_that_breaks_a_rule_says_which(
    office: Office, changes: dict[str, object], code: str
) -> None:
    party = await office.party("enterprise", ENTERPRISE_CODE)
    await office.upload_all(party)
    response = await office.submit(party, **changes)
    assert (response.status_code, response.json()["code"]) == (422, code)


async def test_an_id_number_with_a_wrong_check_place_is_refused_and_not_echoed(office: Office) -> None:
    party = await office.party("enterprise", ENTERPRISE_CODE)
    await office.upload_all(party)
    wrong = ID_NUMBER[:-1] + "1"
    response = await office.submit(party, id_number=wrong)
    assert (response.status_code, response.json()["code"]) == (400, "resident_id.check_digit")
    assert wrong not in response.text


@pytest.mark.requirement("R61")
async def test_an_individual_business_cannot_pass_as_an_enterprise(office: Office) -> None:
    party = await office.party("enterprise", INDIVIDUAL_CODE)
    await office.upload_all(party)
    assert (await office.submit(party)).json()["code"] == "identity.legal_person_contradicted"
    assert (await office.submit(party, legal_person=False)).json()["code"] == "identity.legal_person_required"


@pytest.mark.requirement("R62")
async def test_approval_needs_every_condition_ticked_with_evidence(office: Office) -> None:
    party = await office.party("enterprise", ENTERPRISE_CODE)
    await office.upload_all(party)
    await office.submit(party)
    body = {"checklist": [{"condition": "legal_person", "met": True, "evidence": "执照"}]}
    path = f"/organisations/{party.id}/authentication/approve"
    response = await office.post(path, body, office.headers(Role.OPERATOR_LEAD))
    assert (response.status_code, response.json()["code"]) == (422, "identity.checklist_incomplete")
    assert response.json()["facts"]["conditions"] == ["operating_normally", "no_illegal_record", "no_bad_credit"]
