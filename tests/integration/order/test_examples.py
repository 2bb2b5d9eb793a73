"""The examples in the order service's OpenAPI document are requests that do what they show, sent as they stand."""

from typing import Any
from uuid import UUID

from shared.contracts.permissions import Role
from tests.factories.trade import Market

REFUND = "/orders/{order_id}/refund"


async def examples(market: Market) -> dict[str, Any]:
    """The example of each operation that has one."""
    document = (await market.platform.client.get("/api/order/v1/openapi.json")).json()
    found = {}
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            schema = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {})
            name = schema.get("$ref", "").rpartition("/")[2]
            for example in document["components"]["schemas"].get(name, {}).get("examples", ()):
                found[f"{method.upper()} {path}"] = example
    return found


async def test_every_example_of_a_purchase_and_a_refund_does_what_it_shows(market: Market) -> None:
    shown = await examples(market)
    sent: set[str] = set()

    async def send(operation: str, role: Role, status: int, order_id: str = "") -> dict[str, Any]:
        sent.add(operation)
        path = operation.removeprefix("POST ").format(order_id=order_id)
        answer = await market.post(path, role, body=shown[operation])
        assert answer.status_code == status, f"{operation}: {answer.text}"
        found: dict[str, Any] = answer.json()
        return found

    line = shown["POST /orders"]["lines"][0]
    await market.feed_product(UUID(line["product_id"]))

    async def confirmed() -> str:
        order_id = (await send("POST /orders", Role.ENTERPRISE, 201))["id"]
        await market.held(UUID(order_id))
        told = await send("POST /orders/{order_id}/confirm", Role.PROVIDER, 200, order_id)
        assert told["state"] == "confirmed"
        return str(order_id)

    quoted = await send("POST /quotes", Role.ENTERPRISE, 200)
    assert quoted["fee_fen"] == line["quantity"] * 10_001
    for act, role, state in (("cancel", Role.ENTERPRISE, "cancelled"), ("refuse", Role.PROVIDER, "cancelled")):
        order_id = (await send("POST /orders", Role.ENTERPRISE, 201))["id"]
        await market.held(UUID(order_id))
        assert (await send(f"POST /orders/{{order_id}}/{act}", role, 200, order_id))["state"] == state
    for answer in ("refuse", "consent"):
        order_id = await confirmed()
        await send(f"POST {REFUND}-requests", Role.ENTERPRISE, 201, order_id)
        await send(f"POST {REFUND}/{answer}", Role.PROVIDER, 200, order_id)
    order_id = await confirmed()
    await send(f"POST {REFUND}-requests", Role.ENTERPRISE, 201, order_id)
    due_at = (await market.rows("SELECT due_at FROM refund WHERE order_id = $1", UUID(order_id)))[0]["due_at"]
    await market.platform.move_clock(due_at)
    assert (await send(f"POST {REFUND}/decide", Role.OPERATOR_LEAD, 200, order_id))["state"] == "refunded"
    assert set(shown) == sent
