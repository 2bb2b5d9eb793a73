"""Drafts, editions and both reviews over HTTP."""

import asyncio
import json
from datetime import UTC, datetime
from uuid import uuid4

import pytest

from shared.contracts.messages.identity import OrganisationReinstated, OrganisationSuspended
from shared.contracts.permissions import Role
from tests.factories.catalog import CLERK, OFFICER, PROVIDER_A, PROVIDER_B, Catalog, a_content, a_price

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


@pytest.mark.requirement("R48")
async def test_a_product_goes_online_through_both_reviews_and_everybody_is_told(catalog: Catalog) -> None:
    product_id = await catalog.draft()
    await catalog.review(product_id)
    assert await catalog.facts(product_id) == [(1, "drafted"), (2, "submitted"), (3, "opinion_given"), (4, "published")]
    assert await catalog.directory() == ["云主机标准型"]
    detail = (await catalog.as_provider("GET", f"/products/{product_id}")).json()
    assert (detail["state"], detail["published_edition"], detail["editions"][0]["state"]) == (
        "published",
        1,
        "published",
    )
    assert detail["editions"][0]["declaration_version"] == "1.0.0"
    assert [(item["stage"], item["verdict"], item["account_id"]) for item in detail["reviews"]] == [
        ("bureau", "approved", None),
        ("operator", "favourable", None),
    ]
    notices = (await catalog.as_provider("GET", "/notices")).json()["data"]
    assert [(item["event"], item["reason"], item["article"]) for item in notices] == [
        ("published", "符合细则要求", "A11(5)"),
        ("opinion_given", "材料齐全，同意", "A11(5)"),
    ]


@pytest.mark.requirement("R47")
async def test_only_an_authenticated_provider_drafts(catalog: Catalog) -> None:
    stranger = uuid4()
    refused = await catalog.as_provider("POST", "/products", a_content(), of=stranger)
    assert (refused.status_code, refused.json()["code"]) == (422, "catalog.provider_not_authenticated")
    await catalog.feed_party(stranger, authenticated=False)
    refused = await catalog.as_provider("POST", "/products", a_content(), of=stranger)
    assert refused.json()["code"] == "catalog.provider_not_authenticated"
    await catalog.feed_party(stranger)
    assert (await catalog.as_provider("POST", "/products", a_content(), of=stranger)).status_code == 201


async def test_a_role_without_the_permission_is_refused_and_a_caller_without_token_too(catalog: Catalog) -> None:
    refused = await catalog.call("POST", "/products", a_content(), role=Role.ENTERPRISE, organisation_id=uuid4())
    assert (refused.status_code, refused.json()["code"]) == (403, "auth.permission_missing")
    assert (await catalog.call("POST", "/products", a_content())).status_code == 401
    product_id = await catalog.draft()
    refused = await catalog.as_provider("POST", f"/products/{product_id}/opinion", {"favourable": True, "text": "好"})
    assert refused.status_code == 403


async def test_another_providers_product_looks_like_none(catalog: Catalog) -> None:
    product_id = await catalog.draft()
    path = f"/products/{product_id}"
    submit = {"declaration_version": "1.0.0", "checklist": ["availability"]}
    for response in (
        await catalog.as_provider("GET", path, of=PROVIDER_B),
        await catalog.as_provider("PUT", path, a_content(), of=PROVIDER_B, if_match='"1"'),
        await catalog.as_provider("POST", f"{path}/submit", submit, of=PROVIDER_B),
        await catalog.as_provider("POST", f"{path}/withdraw", {"reason": "不卖了"}, of=PROVIDER_B),
        await catalog.call("GET", path, role=Role.ENTERPRISE, organisation_id=uuid4()),
        await catalog.call("GET", path, role=Role.REGION, region="520100"),
    ):
        assert (response.status_code, response.json()["code"]) == (404, "resource.not_found")
    assert (await catalog.as_provider("GET", "/products", of=PROVIDER_B)).json()["data"] == []
    assert (await catalog.call("GET", "/products", role=Role.FINANCE)).json()["data"] == []
    assert len((await catalog.call("GET", "/products", role=Role.AUDITOR)).json()["data"]) == 1


@pytest.mark.requirement("R33")
async def test_an_unlisted_class_and_a_repeated_component_are_refused(catalog: Catalog) -> None:
    refused = await catalog.as_provider("POST", "/products", a_content(class_code="livestream"))
    problem = refused.json()
    assert (refused.status_code, problem["code"], problem["article"]) == (422, "catalog.class_unknown", "A17")
    assert problem["facts"]["class_code"] == "livestream"
    refused = await catalog.as_provider("POST", "/products", a_content(components=a_price(1) + a_price(2)))
    assert refused.json()["code"] == "catalog.component_repeated"


@pytest.mark.parametrize("price_fen", [-1, 0, 12.5, 12.0, "100", True, None, 10**15 + 1, 10**30, [1]])
async def test_a_price_that_is_no_positive_whole_number_of_fen_is_refused(catalog: Catalog, price_fen: object) -> None:
    refused = await catalog.as_provider("POST", "/products", a_content(components=a_price(price_fen)))
    assert (refused.status_code, refused.json()["code"]) == (400, "request.malformed")
    assert refused.json()["errors"][0]["pointer"] == "/components/0/price_fen"


async def test_the_highest_price_and_fifty_components_are_kept_and_fifty_one_are_not(catalog: Catalog) -> None:
    fifty = [a_price(10**15, code=f"c{place}")[0] for place in range(50)]
    assert (await catalog.as_provider("POST", "/products", a_content(components=fifty))).status_code == 201
    for components in ([], [*fifty, a_price(1)[0]]):
        refused = await catalog.as_provider("POST", "/products", a_content(components=components))
        assert refused.status_code == 400


@pytest.mark.parametrize(
    "changed",
    [{"name": ""}, {"name": "云\x00主机"}, {"name": "云" * 101}, {"description": " "}, {"owner": "x"}, {"voucher": 1}],
)
async def test_a_body_out_of_its_bounds_is_refused(catalog: Catalog, changed: dict[str, object]) -> None:
    assert (await catalog.as_provider("POST", "/products", a_content(**changed))).status_code == 400


async def test_a_draft_is_rewritten_under_its_version_only(catalog: Catalog) -> None:
    product_id = await catalog.draft()
    path = f"/products/{product_id}"
    assert (await catalog.as_provider("PUT", path, a_content(name="甲"))).status_code == 428
    changed = await catalog.as_provider("PUT", path, a_content(name="甲"), if_match='"1"')
    assert (changed.status_code, changed.headers["etag"], changed.json()["edition"]) == (200, '"2"', 1)
    stale = await catalog.as_provider("PUT", path, a_content(name="乙"), if_match='"1"')
    assert (stale.status_code, stale.json()["code"]) == (412, "request.version_mismatch")
    detail = await catalog.as_provider("GET", path)
    assert (detail.json()["name"], detail.headers["etag"]) == ("甲", '"2"')
    assert await catalog.facts(product_id) == [(1, "drafted"), (2, "drafted")]


@pytest.mark.requirement("R10")
@pytest.mark.requirement("R41")
async def test_a_submission_needs_the_declaration_in_force_and_every_service_rule(catalog: Catalog) -> None:
    product_id = await catalog.draft()
    path = f"/products/{product_id}/submit"
    everything = ["availability", "elasticity", "metering"]
    refused = await catalog.as_provider("POST", path, {"declaration_version": "0.1.0", "checklist": everything})
    assert (refused.status_code, refused.json()["code"]) == (422, "catalog.declaration_outdated")
    refused = await catalog.as_provider("POST", path, {"declaration_version": "1.0.0", "checklist": ["metering"]})
    assert refused.json()["code"] == "catalog.checklist_incomplete"
    assert refused.json()["facts"]["missing"] == ["availability", "elasticity"]
    assert (await catalog.submit(product_id)).json()["edition_state"] == "submitted"
    again = await catalog.submit(product_id)
    assert (again.status_code, again.json()["code"]) == (409, "catalog.edition_not_draft")
    rewritten = await catalog.as_provider("PUT", f"/products/{product_id}", a_content(), if_match='"2"')
    assert rewritten.json()["code"] == "catalog.edition_under_review"


@pytest.mark.requirement("R48")
async def test_one_person_never_does_both_reviews_whatever_roles_it_has(catalog: Catalog) -> None:
    product_id = await catalog.draft()
    await catalog.submit(product_id)
    early = await catalog.decide(product_id)
    assert (early.status_code, early.json()["code"]) == (409, "catalog.opinion_missing")
    await catalog.opine(product_id, account_id=CLERK)
    refused = await catalog.decide(product_id, account_id=CLERK)
    assert (refused.status_code, refused.json()["code"], refused.json()["article"]) == (
        422,
        "catalog.same_person",
        "A11(5)",
    )
    assert await catalog.directory() == []
    assert (await catalog.decide(product_id, account_id=OFFICER)).status_code == 200


async def test_a_sent_back_edition_is_bettered_and_goes_through_both_reviews_again(catalog: Catalog) -> None:
    product_id = await catalog.draft()
    await catalog.submit(product_id)
    body = {"text": "服务标准不明确"}
    back = await catalog.call("POST", f"/products/{product_id}/send-back", body, role=Role.OPERATOR_CLERK)
    assert back.json()["edition_state"] == "sent_back"
    notices = (await catalog.as_provider("GET", "/notices")).json()["data"]
    assert (notices[0]["event"], notices[0]["reason"]) == ("sent_back", "服务标准不明确")
    await catalog.submit(product_id, correction="已写明备份周期")
    await catalog.opine(product_id)
    refused = await catalog.decide(product_id, approve=False)
    assert (refused.json()["state"], refused.json()["edition_state"]) == ("draft", "sent_back")
    early = await catalog.decide(product_id)
    assert early.json()["code"] == "catalog.opinion_missing"
    await catalog.review(product_id, correction="已补充三家报价")
    assert await catalog.directory() == ["云主机标准型"]


async def test_what_was_sent_back_comes_again_changed_or_with_a_word_on_what_was_corrected(catalog: Catalog) -> None:
    product_id = await catalog.draft()
    await catalog.submit(product_id)
    body = {"text": "服务标准不明确"}
    await catalog.call("POST", f"/products/{product_id}/send-back", body, role=Role.OPERATOR_CLERK)

    async def waiting() -> list[tuple[str, str]]:
        tasks = (await catalog.as_provider("GET", "/tasks")).json()["data"]
        return [(task["kind"], task["subject_id"]) for task in tasks]

    assert await waiting() == [("revise", product_id)]
    same = await catalog.submit(product_id)
    assert (same.status_code, same.json()["code"]) == (422, "catalog.edition_unchanged")
    # Rewritten in the same words, it is still what was sent back, and still waits for its provider.
    rewritten = await catalog.as_provider("PUT", f"/products/{product_id}", a_content(), if_match='"3"')
    assert rewritten.status_code == 200
    assert await waiting() == [("resubmit", product_id)]
    assert (await catalog.submit(product_id)).json()["code"] == "catalog.edition_unchanged"
    bettered = a_content(service_standard="月可用性不低于99.95%，每日备份")
    assert (await catalog.as_provider("PUT", f"/products/{product_id}", bettered, if_match='"4"')).status_code == 200
    assert (await catalog.submit(product_id)).status_code == 200
    assert await waiting() == []


@pytest.mark.requirement("R7")
async def test_the_history_of_a_product_is_read_by_whoever_reads_it_and_names_people_to_supervisors(
    catalog: Catalog,
) -> None:
    product_id = await catalog.publish()
    path = f"/products/{product_id}/history"
    acts = ["draft", "submit", "opinion_favourable", "approve"]
    for role, seen in ((Role.OPERATOR_CLERK, False), (Role.BUREAU_LEAD, True), (Role.AUDITOR, True)):
        items = (await catalog.call("GET", path, role=role)).json()["data"][::-1]
        decided = [item for item in items if item["source"] == "decision"]
        assert [item["name"] for item in decided] == acts
        assert [item["account_id"] is not None for item in decided] == [seen] * 4, role
        reviews = (await catalog.call("GET", f"/products/{product_id}", role=role)).json()["reviews"]
        assert [item["account_id"] is not None for item in reviews] == [seen] * 2, role
    own = (await catalog.as_provider("GET", path)).json()["data"]
    assert {item["account_id"] for item in own} == {None}
    assert {item["role"] for item in own if item["source"] == "decision"} == {
        "provider",
        "operator_clerk",
        "bureau_officer",
    }
    assert (await catalog.as_provider("GET", path, of=PROVIDER_B)).status_code == 404


async def test_a_change_of_price_reopens_both_reviews_while_the_old_price_stays(catalog: Catalog) -> None:
    product_id = await catalog.publish()
    path = f"/products/{product_id}"
    dearer = await catalog.as_provider("PUT", path, a_content(components=a_price(12_000)), if_match='"4"')
    assert (dearer.json()["edition"], dearer.json()["edition_state"], dearer.json()["published_edition"]) == (
        2,
        "draft",
        1,
    )

    async def price_fen() -> int:
        found = await catalog.call("GET", f"/directory/{product_id}")
        return int(found.json()["lowest_price_fen"])

    await catalog.submit(product_id)
    assert (await catalog.decide(product_id)).json()["code"] == "catalog.opinion_missing"
    await catalog.opine(product_id)
    assert await price_fen() == 10_000
    await catalog.decide(product_id)
    assert await price_fen() == 12_000
    editions = (await catalog.as_provider("GET", path)).json()["editions"]
    assert [(item["number"], item["state"]) for item in editions] == [(2, "published"), (1, "ended")]
    assert [version for version, _ in await catalog.facts(product_id)] == list(range(1, 9))


async def test_a_voucher_product_is_published_only_for_a_recognised_provider(catalog: Catalog) -> None:
    await catalog.feed_party(PROVIDER_A, recognised=False)
    product_id = await catalog.draft()
    await catalog.submit(product_id)
    await catalog.opine(product_id)
    refused = await catalog.decide(product_id)
    assert (refused.status_code, refused.json()["code"]) == (422, "catalog.provider_not_recognised")
    await catalog.publish(name="无券云主机", voucher=False)
    assert await catalog.directory() == ["无券云主机"]
    await catalog.feed_party(PROVIDER_A, recognised=True)
    assert (await catalog.decide(product_id)).status_code == 200


async def test_a_suspended_provider_neither_drafts_nor_is_published(catalog: Catalog) -> None:
    product_id = await catalog.draft()
    await catalog.submit(product_id)
    await catalog.opine(product_id)
    await catalog.feed_party(PROVIDER_A, fact=OrganisationSuspended, suspended_since=LONG_AGO)
    refused = await catalog.as_provider("POST", "/products", a_content())
    assert (refused.status_code, refused.json()["code"]) == (409, "catalog.provider_suspended")
    assert (await catalog.decide(product_id)).json()["code"] == "catalog.provider_suspended"
    await catalog.feed_party(PROVIDER_A, fact=OrganisationReinstated)
    assert (await catalog.decide(product_id)).status_code == 200


@pytest.mark.requirement("R39")
async def test_an_outlier_is_flagged_for_reviewers_and_a_person_decides(catalog: Catalog) -> None:
    for price_fen in (10_000, 20_000, 30_000):
        await catalog.publish(of=PROVIDER_B, components=a_price(price_fen))
    product_id = await catalog.draft(components=a_price(30_001))
    await catalog.submit(product_id)
    path = f"/products/{product_id}"
    seen = (await catalog.call("GET", path, role=Role.OPERATOR_CLERK)).json()["price_flags"]
    # 1.5 times the median of 10,000, 20,000 and 30,000 fen is 30,000 fen.
    assert seen == [{"component": "vm-2c4g", "unit": "台/月", "price_fen": 30_001, "median_fen": 20_000, "prices": 3}]
    assert (await catalog.as_provider("GET", path)).json()["price_flags"] == []
    await catalog.opine(product_id)
    assert (await catalog.decide(product_id)).status_code == 200
    at_the_factor = await catalog.draft(components=a_price(30_000))
    found = await catalog.call("GET", f"/products/{at_the_factor}", role=Role.OPERATOR_CLERK)
    assert found.json()["price_flags"] == []


async def test_the_same_key_makes_one_draft(catalog: Catalog) -> None:
    headers = catalog.platform.headers(Role.PROVIDER, organisation_id=PROVIDER_A)
    url = "/api/catalog/v1/products"
    first = await catalog.platform.client.post(url, json=a_content(), headers=headers)
    second = await catalog.platform.client.post(url, json=a_content(), headers=headers)
    assert first.json()["id"] == second.json()["id"]
    assert second.headers["idempotent-replayed"] == "true"
    assert len((await catalog.as_provider("GET", "/products")).json()["data"]) == 1


async def test_own_lists_are_paged_and_filtered(catalog: Catalog) -> None:
    made = [await catalog.draft(name=f"云主机{number}") for number in range(3)]
    await catalog.submit(made[0])
    first = (await catalog.as_provider("GET", "/products?limit=2")).json()
    second = (await catalog.as_provider("GET", f"/products?limit=2&cursor={first['next_cursor']}")).json()
    assert [item["id"] for item in first["data"] + second["data"]] == sorted(made, reverse=True)
    assert second["has_more"] is False
    waiting = (await catalog.call("GET", "/products?edition_state=submitted", role=Role.OPERATOR_CLERK)).json()
    assert [item["id"] for item in waiting["data"]] == [made[0]]
    assert (await catalog.as_provider("GET", "/products?cursor=!!")).status_code == 400


async def test_two_decisions_at_once_publish_once(catalog: Catalog) -> None:
    product_id = await catalog.draft()
    await catalog.submit(product_id)
    await catalog.opine(product_id)
    answers = await asyncio.gather(
        *(catalog.decide(product_id, account_id=uuid4()) for _ in range(3)),
        catalog.decide(product_id, approve=False, account_id=uuid4()),
    )
    assert sorted(answer.status_code for answer in answers) == [200, 409, 409, 409]
    assert [version for version, _ in await catalog.facts(product_id)] == [1, 2, 3, 4]


async def test_two_rewrites_of_one_version_keep_one(catalog: Catalog) -> None:
    product_id = await catalog.draft()
    answers = await asyncio.gather(
        *(
            catalog.as_provider("PUT", f"/products/{product_id}", a_content(name=name), if_match='"1"')
            for name in ("甲", "乙")
        )
    )
    assert sorted(answer.status_code for answer in answers) == [200, 412]


async def test_half_a_character_and_a_number_of_many_digits_are_refused_as_malformed(catalog: Catalog) -> None:
    headers = catalog.platform.headers(Role.PROVIDER, organisation_id=PROVIDER_A)
    headers["Content-Type"] = "application/json"
    text = json.dumps(a_content())
    for raw in (
        text.replace("2\\u6838", "\\ud800", 1),
        text.replace("10000", "1" * 5_000),
        text.replace("10000", "NaN"),
        text.replace("10000", "1e400"),
        "[",
        "null",
    ):
        assert raw != text
        answer = await catalog.platform.client.post("/api/catalog/v1/products", content=raw, headers=headers)
        assert answer.status_code == 400, (raw[:100], answer.text)
