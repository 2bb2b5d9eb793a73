"""The public directory, its search, and what the policy pack says to everybody."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from shared.contracts.messages.identity import OrganisationReinstated, OrganisationSuspended
from shared.contracts.permissions import Role
from tests.factories.catalog import BASE, PROVIDER_A, PROVIDER_B, Catalog, a_price


@pytest.mark.requirement("R15")
async def test_the_directory_is_open_to_everybody_and_shows_the_support_ratio(catalog: Catalog) -> None:
    product_id = await catalog.publish()
    await catalog.draft(name="草稿")
    answer = (await catalog.call("GET", "/directory")).json()
    assert [item["product_id"] for item in answer["data"]] == [product_id]
    item = answer["data"][0]
    assert (item["provider_name"], item["class_name"], item["layer"], item["rate_bp"], item["voucher"]) == (
        "贵州云上科技有限公司",
        "计算资源上云",
        "infrastructure",
        4_000,
        True,
    )
    detail = (await catalog.call("GET", f"/directory/{product_id}")).json()
    assert detail["service_standard"] == "月可用性不低于99.95%，故障4小时内响应"
    assert (await catalog.call("GET", f"/directory/{uuid4()}")).status_code == 404
    # What reviewers and providers tell each other is not public.
    assert not {"market_reference", "reviews", "account_id"} & set(detail)


@pytest.mark.requirement("R34")
async def test_chinese_search_finds_substrings_in_names_and_guidance(catalog: Catalog) -> None:
    await catalog.publish(name="ＥＣＳ云主机_标准100%型", components=a_price(300))
    await catalog.publish(of=PROVIDER_B, name="设备云连接", class_code="iot", components=a_price(200))
    both = {"ＥＣＳ云主机_标准100%型", "设备云连接"}
    for query, expected in {
        "云": both,
        "主": {"ＥＣＳ云主机_标准100%型"},
        "云主机": {"ＥＣＳ云主机_标准100%型"},
        "ecs": {"ＥＣＳ云主机_标准100%型"},
        "Ｅｃｓ": {"ＥＣＳ云主机_标准100%型"},
        "遵义数智": {"设备云连接"},
        "物联网平台": {"设备云连接"},
        "可视化在线管理": {"设备云连接"},
        "动态分配": {"ＥＣＳ云主机_标准100%型"},
        "遵义　设备": {"设备云连接"},
        "遵义 云主机": set(),
        "100%": {"ＥＣＳ云主机_标准100%型"},
        "机_标": {"ＥＣＳ云主机_标准100%型"},
        "云_机": set(),
        "%": {"ＥＣＳ云主机_标准100%型"},
        "\\": set(),
        "' OR 1=1 --": set(),
        "主机云": set(),
        "": both,
    }.items():
        assert set(await catalog.directory(q=query)) == expected, query


async def test_a_search_for_what_no_text_holds_is_refused(catalog: Catalog) -> None:
    response = await catalog.platform.client.get(BASE + "/directory", params={"q": "\x00"})
    assert (response.status_code, response.json()["code"]) == (400, "request.malformed")


async def test_the_filters_narrow_the_directory(catalog: Catalog) -> None:
    await catalog.publish(name="甲")
    await catalog.publish(of=PROVIDER_B, name="乙", class_code="iot", voucher=False)
    assert await catalog.directory(class_="iot") == ["乙"]
    assert await catalog.directory(class_="storage") == []
    assert await catalog.directory(layer="infrastructure") == ["甲"]
    assert await catalog.directory(layer="unknown") == []
    assert await catalog.directory(voucher="true") == ["甲"]
    assert await catalog.directory(voucher="false") == ["乙"]
    assert await catalog.directory(provider=str(PROVIDER_B), q="云") == ["乙"]
    for bad in ("?limit=0", "?limit=101", "?sort=cheap", "?provider=x", "?q=" + "a" * 101, "?page=2", "?class=A-B"):
        assert (await catalog.call("GET", "/directory" + bad)).status_code == 400, bad


async def test_paging_shows_each_product_once_in_every_order(catalog: Catalog) -> None:
    for number, price_fen in enumerate([500, 100, 100, 300, 100]):
        await catalog.publish(name=f"产品{number}", components=a_price(price_fen))
    for sort, expected in {
        "newest": ["产品4", "产品3", "产品2", "产品1", "产品0"],
        "price": ["产品1", "产品2", "产品4", "产品3", "产品0"],
        "-price": ["产品0", "产品3", "产品4", "产品2", "产品1"],
    }.items():
        seen: list[str] = []
        query = ""
        for _ in range(3):
            page = (await catalog.call("GET", f"/directory?sort={sort}&limit=2{query}")).json()
            seen += [item["name"] for item in page["data"]]
            query = f"&cursor={page['next_cursor']}"
        assert (seen, page["has_more"], page["next_cursor"]) == (expected, False, None)


async def test_a_cursor_of_another_order_is_refused(catalog: Catalog) -> None:
    await catalog.publish(name="甲")
    await catalog.publish(name="乙")
    cursor = (await catalog.call("GET", "/directory?limit=1")).json()["next_cursor"]
    for bad in (cursor, "", "____", "云"):
        refused = await catalog.call("GET", f"/directory?sort=price&cursor={bad}")
        assert (refused.status_code, refused.json()["code"]) == (400, "list.cursor_invalid"), bad
    negative = await catalog.call("GET", "/directory?sort=price&cursor=" + "_" * 32)
    assert negative.status_code == 400


async def test_a_suspended_providers_products_leave_the_directory_and_come_back(catalog: Catalog) -> None:
    product_id = await catalog.publish()
    now = catalog.platform.runtime("catalog").clock.now()
    await catalog.feed_party(PROVIDER_A, fact=OrganisationSuspended, suspended_since=now + timedelta(days=2))
    assert await catalog.directory() == ["云主机标准型"]
    await catalog.platform.move_clock(now + timedelta(days=2, seconds=1))
    assert await catalog.directory() == []
    assert (await catalog.call("GET", f"/directory/{product_id}")).status_code == 404
    assert (await catalog.call("GET", "/providers")).json()["data"] == []
    await catalog.feed_party(PROVIDER_A, fact=OrganisationReinstated)
    assert await catalog.directory() == ["云主机标准型"]


async def test_the_provider_directory_counts_what_each_offers(catalog: Catalog) -> None:
    await catalog.publish(name="甲")
    await catalog.publish(name="乙")
    providers = (await catalog.call("GET", "/providers")).json()["data"]
    assert [(item["name"], item["products"], item["recognised"]) for item in providers] == [
        ("贵州云上科技有限公司", 2, True)
    ]


@pytest.mark.requirement("R33")
@pytest.mark.requirement("R35")
async def test_the_eleven_classes_carry_layer_guidance_ratio_and_service_rules(catalog: Catalog) -> None:
    classes = (await catalog.call("GET", "/classes")).json()
    layers = [item["layer"] for item in classes]
    assert [layers.count(layer) for layer in ("infrastructure", "platform", "application")] == [4, 4, 3]
    assert {(item["layer"], item["rate_bp"]) for item in classes} == {
        ("infrastructure", 4_000),
        ("platform", 6_000),
        ("application", 6_000),
    }
    production = next(item for item in classes if item["code"] == "production")
    for word in ("采购", "生产", "销售", "供应链", "电子商务", "客户"):
        assert word in production["guidance"]
    assert [rule["code"] for rule in production["checklist"]] == ["functions", "training"]


async def test_agreement_declaration_and_grounds_come_from_the_pack(catalog: Catalog) -> None:
    agreement = (await catalog.call("GET", "/agreement")).json()
    assert (agreement["name"], agreement["version"]) == ("贵州省上云企业上云服务交易协议", "1.0.0")
    assert agreement["text"].startswith("一、")
    assert (await catalog.call("GET", "/truth-declaration")).json()["version"] == "1.0.0"
    grounds = (await catalog.call("GET", "/delisting-grounds")).json()
    assert len(grounds) == 8
    assert [ground["code"] for ground in grounds if ground["correction_order_first"]] == ["g5_uncorrected"]


@pytest.mark.requirement("R83")
async def test_the_legal_basis_says_what_holds_today(catalog: Catalog) -> None:
    await catalog.platform.move_clock(datetime(2030, 1, 1, tzinfo=UTC))
    references = (await catalog.call("GET", "/legal-references")).json()
    holding = {item["number"]: item["in_force"] for item in references}
    assert holding["黔府发〔2018〕2号"]
    assert holding["工信部信软〔2018〕135号"]
    assert not holding["黔财工〔2017〕46号"]
    assert holding["黔财工〔2023〕203号"]


async def test_losing_recognition_takes_the_voucher_mark_and_not_the_product(catalog: Catalog) -> None:
    await catalog.publish()
    await catalog.feed_party(PROVIDER_A, recognised=False)
    item = (await catalog.call("GET", "/directory")).json()["data"][0]
    assert item["voucher"] is False
    assert await catalog.directory(voucher="true") == []


async def test_a_new_name_of_a_provider_is_found_and_the_old_one_is_not(catalog: Catalog) -> None:
    await catalog.publish()
    await catalog.feed_party(PROVIDER_A, name="贵州云上科技集团有限公司")
    assert await catalog.directory(q="集团") == ["云主机标准型"]
    assert await catalog.directory(q="科技有限") == []
    found = await catalog.call("GET", "/products", role=Role.OPERATOR_CLERK)
    assert found.json()["data"][0]["provider_name"] == "贵州云上科技集团有限公司"


async def test_the_openapi_document_describes_every_route(catalog: Catalog) -> None:
    document = (await catalog.call("GET", "/openapi.json")).json()
    paths = set(document["paths"])
    assert {"/products", "/products/{product_id}/decision", "/directory", "/tasks", "/legal-references"} <= paths
    query = {parameter["name"] for parameter in document["paths"]["/directory"]["get"]["parameters"]}
    assert query == {"q", "class", "layer", "voucher", "provider", "sort", "limit", "cursor"}
