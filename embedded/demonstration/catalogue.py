"""The chapters of the catalogue: products through both reviews, a new price, a delisting."""

from dataclasses import replace

from embedded.demonstration.client import Answer, Login, together
from embedded.demonstration.context import DemoContext
from embedded.demonstration.world import ProductOffer
from shared.contracts.permissions import Role
from shared.kernel.money import Fen

SENT_BACK = 9
"""Number of the product whose first edition the operator returns."""
RETURNED_BY_BUREAU = 11
"""Number of the product that the bureau returns once."""
REPRICED = 1
"""Number of the product that gets a new price in June."""
DELISTED = 14
"""Number of the product that is taken off in September."""
PRODUCTS = "catalog/v1/products"
DELISTING_GROUND = "g3_false_service"


def product_key(number: int) -> str:
    """The key of a product by its number, from 1."""
    return f"product-{number:02}"


async def read_texts(context: DemoContext) -> None:
    """Read what every submission quotes, as anybody may."""
    declaration, agreement, classes = await together(
        context.get(None, "catalog/v1/truth-declaration"),
        context.get(None, "catalog/v1/agreement"),
        context.get(None, "catalog/v1/classes"),
    )
    context.texts = replace(
        context.texts,
        declaration_version=declaration["version"],
        agreement_version=agreement["version"],
        checklists={item["code"]: [tick["code"] for tick in item["checklist"]] for item in classes["data"]},
        rates_bp={item["code"]: item["rate_bp"] for item in classes["data"]},
    )


async def list_products(context: DemoContext) -> None:
    """January and February: every provider lists its products, and both reviews look at them."""
    await context.on(1, 22)
    await together(*(_draft_and_submit(context, product) for product in context.world.products))
    await context.on(1, 26)
    returned = context.world.products[SENT_BACK - 1]
    others = [product for product in context.world.products if product is not returned]
    await together(_send_back(context, returned), *(_give_opinion(context, product, turn=1) for product in others))
    await context.on(1, 29)
    refused = context.world.products[RETURNED_BY_BUREAU - 1]
    await together(
        _better(context, returned, standard=f"{returned.service_standard}每日全量备份，恢复时间不超过2小时。"),
        *(_decide(context, product, turn=1) for product in others if product is not refused),
        _decide(context, refused, turn=1, reason="市场参考价依据不足，请补充三家以上同类报价。", approve=False),
    )
    await _give_opinion(context, returned, turn=2)
    await context.on(2, 5)
    await _better(context, refused, standard=refused.service_standard)
    await _give_opinion(context, refused, turn=2)
    await together(_decide(context, returned, turn=2), _decide(context, refused, turn=2))
    await context.settle()


async def change_price(context: DemoContext) -> None:
    """A new price reopens both reviews; until they are over the old price holds. Source: Q10."""
    product = context.world.products[REPRICED - 1]
    components = tuple(
        replace(component, price_fen=Fen(component.price_fen * 95 // 100)) for component in product.components
    )
    await revise(context, replace(product, components=components), turn=3)
    await _give_opinion(context, product, turn=3)
    await _decide(context, product, turn=3)
    await context.settle()


async def propose_delisting(context: DemoContext) -> None:
    """An operator's clerk proposes a delisting with evidence, and the provider is heard."""
    key = product_key(DELISTED)
    body: Answer = {
        "ground": DELISTING_GROUND,
        "evidence": "经三家上云企业投诉并现场核查，设备未实际接入平台，监测数据系人工填报。",
    }
    clerk = context.staff(Role.OPERATOR_CLERK)
    proposal = await context.post(clerk, f"{PRODUCTS}/{context.ids[key]}/delistings", body)
    context.ids["delisting"] = proposal["id"]
    statement = {"statement": "部分网关到货延迟，现场人员代为填报，现已停止，愿意配合整改。"}
    await context.post(
        _provider(context, context.world.products[DELISTED - 1]), f"{_delisting(context)}/statement", statement
    )


async def approve_delisting(context: DemoContext) -> None:
    """The operator's lead, a second person, approves it."""
    body: Answer = {"approve": True, "reason": "证据确凿，陈述意见不影响认定，予以下架。"}
    await context.post(context.staff(Role.OPERATOR_LEAD), f"{_delisting(context)}/decision", body)
    await context.settle()


async def leave_open(context: DemoContext) -> None:
    """Today one new edition waits for the operator and another one for the bureau."""
    first, second = context.world.products[11], context.world.products[16]
    await together(
        revise(context, replace(first, description=f"{first.description}新增月度专题。"), turn=9),
        revise(context, replace(second, description=f"{second.description}新增多仓库。"), turn=9),
    )
    await _give_opinion(context, second, turn=9)


async def revise(context: DemoContext, product: ProductOffer, *, turn: int) -> None:
    """A provider rewrites its product and hands the new edition in."""
    provider, path = _provider(context, product), f"{PRODUCTS}/{context.ids[product.key]}"
    answer = await context.put(provider, path, _content(product), turn=turn, version=context.versions[product.key])
    context.versions[product.key] = answer["version"]
    await _submit(context, product, turn=turn)


async def _draft_and_submit(context: DemoContext, product: ProductOffer) -> None:
    answer = await context.post(_provider(context, product), PRODUCTS, _content(product))
    context.ids[product.key] = answer["id"]
    await _submit(context, product, turn=1)


async def _submit(context: DemoContext, product: ProductOffer, *, turn: int) -> None:
    body: Answer = {
        "declaration_version": context.texts.declaration_version,
        "checklist": context.texts.checklists[product.class_code],
    }
    await _act(context, _provider(context, product), product, "submit", body, turn=turn)


async def _better(context: DemoContext, product: ProductOffer, *, standard: str) -> None:
    await revise(
        context,
        replace(product, service_standard=standard, market_reference=f"{product.market_reference}附四家报价单。"),
        turn=2,
    )


async def _send_back(context: DemoContext, product: ProductOffer) -> None:
    body: Answer = {"text": "服务标准未写明备份周期和恢复时间，请补充后重新提交。"}
    await _act(context, context.staff(Role.OPERATOR_CLERK), product, "send-back", body, turn=1)


async def _give_opinion(context: DemoContext, product: ProductOffer, *, turn: int) -> None:
    body: Answer = {"favourable": True, "text": "材料齐全，服务标准明确，价格未见异常，建议上架。"}
    await _act(context, context.staff(Role.OPERATOR_CLERK), product, "opinion", body, turn=turn)


async def _decide(
    context: DemoContext, product: ProductOffer, *, turn: int, approve: bool = True, reason: str = "同意上架。"
) -> None:
    body: Answer = {"approve": approve, "reason": reason}
    await _act(context, context.staff(Role.BUREAU_OFFICER), product, "decision", body, turn=turn)


async def _act(  # noqa: PLR0913 - the parts of an act
    context: DemoContext, who: Login, product: ProductOffer, act: str, body: Answer, *, turn: int
) -> None:
    answer = await context.post(who, f"{PRODUCTS}/{context.ids[product.key]}/{act}", body, turn=turn)
    context.versions[product.key] = answer["version"]
    if answer["published_edition"] is not None:
        context.editions[product.key] = answer["published_edition"]


def _provider(context: DemoContext, product: ProductOffer) -> Login:
    return context.login(product.provider)


def _delisting(context: DemoContext) -> str:
    return f"catalog/v1/delistings/{context.ids['delisting']}"


def _content(product: ProductOffer) -> Answer:
    return {
        "name": product.name,
        "class_code": product.class_code,
        "description": product.description,
        "service_standard": product.service_standard,
        "market_reference": product.market_reference,
        "voucher": product.voucher,
        "components": [
            {"code": part.code, "name": part.name, "unit": part.unit, "price_fen": part.price_fen}
            for part in product.components
        ],
    }
