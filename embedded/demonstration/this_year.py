"""This year up to today: a new plan, new orders, old claims paid, and work left open for every role."""

from datetime import datetime

from embedded.demonstration import catalogue, claims, entry, orders, quota
from embedded.demonstration.claims import Filing
from embedded.demonstration.context import DemoContext, moment
from embedded.demonstration.last_year import ORDINARY, WINTER_CLAIMS
from embedded.demonstration.order_script import THIS_SPRING, THIS_SUMMER, THIS_YEAR_YUAN, TODAY, WINTER
from embedded.demonstration.world import Organisation

UNDER_WAY = frozenset({"submitted", "accepted"})
"""A claim stands so until its window closes."""
WAITING_TODAY = (20, 21, 22)
PAID_CLAIM, APPROVED_CLAIM, REQUESTED_CLAIM = WINTER_CLAIMS
THIS_CLAIMS = (
    Filing(key="this-cloud", provider="provider-1", orders=("n01", "n04")),
    Filing(key="this-data", provider="provider-4", orders=("n02", "n05")),
    Filing(key="this-things", provider="provider-5", orders=("w04", "n06")),
)
LATEST_CLAIM = Filing(key="latest-software", provider="provider-6", orders=("n07",))


async def begin_year(context: DemoContext) -> None:
    """The last window of last year is judged, and this year's quota is given."""
    await _passed(context, 0.02)
    await claims.review_first(context, WINTER_CLAIMS, ORDINARY)
    await claims.pass_to_money(context, WINTER_CLAIMS, ORDINARY)
    await _passed(context, 0.04)
    await claims.approve_all(context, [PAID_CLAIM], ORDINARY)
    await claims.pay_all(context, [PAID_CLAIM])
    await _passed(context, 0.06)
    keys = await quota.apply_in_order(context, context.year + 1, THIS_YEAR_YUAN)
    await quota.grant(context, list(keys.values()))
    # Last year's voucher that comes back now goes to last year's budget, not to new spending (Q5).
    await orders.request_refund(context, WINTER[1], lines=[1], reason="域名停用，不再需要防护。")
    await orders.consent_refund(context, WINTER[1])


async def go_on(context: DemoContext) -> None:
    """Orders of this year and their claims, as far as the year has come."""
    await _passed(context, 0.15)
    await orders.buy(context, THIS_SPRING)
    await _passed(context, 0.25)
    await orders.deliver(context, THIS_SPRING)
    await _passed(context, 0.40)
    await claims.file(context, THIS_CLAIMS)
    await _passed(context, 0.60)
    await orders.buy(context, THIS_SUMMER)
    await orders.request_refund(context, THIS_SUMMER[1], lines=[1], reason="办公地点搬迁，带宽不再需要。")
    await _passed(context, 0.90)
    if not await _window_closed(context, THIS_CLAIMS[0]):
        return
    await claims.review_first(context, THIS_CLAIMS, ORDINARY)
    judged = THIS_CLAIMS[:2]
    await claims.pass_to_money(context, judged, ORDINARY)
    await claims.approve_all(context, judged, ORDINARY)
    await claims.pay_all(context, judged)


async def leave_work(context: DemoContext, newcomer: Organisation) -> None:
    """Today: something waits for everybody."""
    await _passed(context, 1.0)
    await entry.register_late(context, newcomer)
    await catalogue.leave_open(context)
    year = context.year + 1
    keys = [await quota.apply(context, year, place=place, yuan=40_000) for place in WAITING_TODAY]
    await quota.decided(context, keys)
    await orders.place(context, TODAY)
    await orders.complain(context, THIS_SPRING[8], "进销存云近期多次对账出错，请督促处理。")
    await claims.file(context, [LATEST_CLAIM])
    await claims.approve_all(context, [APPROVED_CLAIM], ORDINARY)
    await quota.propose_increase(context, year, amount_yuan=200_000, reason="申领踊跃，拟追加额度。")
    if await _window_closed(context, THIS_CLAIMS[2]):
        await claims.ask(context, THIS_CLAIMS[2], "请说明设备接入数量与合同约定是否一致。")


async def _window_closed(context: DemoContext, filing: Filing) -> bool:
    return await claims.state_of(context, filing) not in UNDER_WAY


async def _passed(context: DemoContext, share: float) -> None:
    """Move to when this share of the year up to today has passed."""
    begins: datetime = moment(context.year + 1, 1, 1, hour=0)
    await context.at(begins + (context.clock.today - begins) * share)
