"""States and accounts of the voucher service, with the tables of allowed moves."""

from collections.abc import Mapping
from enum import StrEnum

from shared.kernel.states import Transitions


class LedgerAccount(StrEnum):
    """The accounts a posting moves money between; `total` is the source of a plan's money."""

    TOTAL = "total"
    LEFT = "left"
    EARMARKED = "earmarked"
    AVAILABLE = "available"
    HELD = "held"
    COMMITTED = "committed"
    CLAIMED = "claimed"
    REDEEMED = "redeemed"
    TAKEN_BACK = "taken_back"


class Movement(StrEnum):
    """Why money moved; the first four concern the plan, the others a quota account as well."""

    OPEN = "open"
    INCREASE = "increase"
    EARMARK = "earmark"
    FREE = "free"
    GRANT = "grant"
    HOLD = "hold"
    RELEASE = "release"
    COMMIT = "commit"
    REFUND = "refund"
    CLAIM = "claim"
    UNCLAIM = "unclaim"
    REDEEM = "redeem"
    SHORT = "short"
    RECOVER = "recover"
    REVOKE = "revoke"


class PlanState(StrEnum):
    """A year's plan."""

    DRAFT = "draft"
    APPROVED = "approved"
    PUBLISHED = "published"
    CLOSING = "closing"
    CLOSED = "closed"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"


class ProofState(StrEnum):
    """A proof that somebody asked for: under way, ended, or given up after too many failures."""

    RUNNING = "running"
    FINISHED = "finished"
    FAILED = "failed"


NEVER_PUBLISHED = (PlanState.DRAFT, PlanState.APPROVED, PlanState.REFUSED, PlanState.WITHDRAWN)
"""States in which a plan has no money yet, or never got any."""
PLAN_GIVEN_UP = (PlanState.REFUSED, PlanState.WITHDRAWN)
"""States after which the year may be given another plan."""
PLAN_PUBLIC = (PlanState.PUBLISHED, PlanState.CLOSING, PlanState.CLOSED)
"""States in which everybody may read a plan. Source: A15, R14."""
PLAN_STATE_NAMES: Mapping[str, str] = {
    PlanState.DRAFT: "尚为草案",
    PlanState.APPROVED: "已批准、尚未发布",
    PlanState.PUBLISHED: "已发布",
    PlanState.CLOSING: "正在结清",
    PlanState.CLOSED: "已结束",
    PlanState.REFUSED: "未获批准",
    PlanState.WITHDRAWN: "已撤回",
}
"""The states as users read them."""
PLAN_MOVES = Transitions(
    {
        (PlanState.DRAFT, PlanState.REFUSED),
        (PlanState.DRAFT, PlanState.WITHDRAWN),
        (PlanState.APPROVED, PlanState.WITHDRAWN),
        (PlanState.DRAFT, PlanState.APPROVED),
        (PlanState.APPROVED, PlanState.PUBLISHED),
        (PlanState.PUBLISHED, PlanState.CLOSING),
        (PlanState.CLOSING, PlanState.CLOSED),
    }
)


class IncreaseState(StrEnum):
    """An act that needs a second person: an increase of the plan, a revocation.

    The second person refuses, the first withdraws; `lapsed` when the year ended before anybody decided.
    """

    PROPOSED = "proposed"
    APPROVED = "approved"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"
    LAPSED = "lapsed"


class ApplicationState(StrEnum):
    """One ticket. `waiting` may hold an earmark for the part that fitted."""

    QUEUED = "queued"
    EARMARKED = "earmarked"
    WAITING = "waiting"
    GRANTED = "granted"
    REFUSED = "refused"
    SENT_BACK = "sent_back"
    WITHDRAWN = "withdrawn"
    CLOSED = "closed"


APPLICATION_STATE_NAMES: Mapping[str, str] = {
    ApplicationState.QUEUED: "正在排队",
    ApplicationState.EARMARKED: "已预留额度、等待审核",
    ApplicationState.WAITING: "正在候补",
    ApplicationState.GRANTED: "已核准",
    ApplicationState.REFUSED: "未获核准",
    ApplicationState.SENT_BACK: "已退回补正",
    ApplicationState.WITHDRAWN: "已撤回",
    ApplicationState.CLOSED: "已关闭",
}
"""The states as users read them."""
_QUEUED, _EARMARKED, _WAITING = ApplicationState.QUEUED, ApplicationState.EARMARKED, ApplicationState.WAITING
_ENDS = (ApplicationState.REFUSED, ApplicationState.SENT_BACK, ApplicationState.WITHDRAWN, ApplicationState.CLOSED)
OPEN_APPLICATION_STATES = frozenset({_QUEUED, _EARMARKED, _WAITING})

CUT_SHOWN = frozenset({_EARMARKED, _WAITING, ApplicationState.GRANTED})
"""States in which what an application asked for, less what it got or waits for, is what the yearly cap cut off."""

APPLICATION_MOVES = Transitions(
    {(before, after) for before in OPEN_APPLICATION_STATES for after in _ENDS}
    | {
        (_QUEUED, _EARMARKED),
        (_QUEUED, _WAITING),
        (_WAITING, _WAITING),
        (_WAITING, _EARMARKED),
        (_WAITING, ApplicationState.GRANTED),
        (_EARMARKED, ApplicationState.GRANTED),
    }
)


class HoldState(StrEnum):
    """The voucher part of one order. `closed` is a release that overtook its hold."""

    REFUSED = "refused"
    CLOSED = "closed"
    HELD = "held"
    RELEASED = "released"
    COMMITTED = "committed"
    CLAIMED = "claimed"
    REDEEMED = "redeemed"


HOLD_MOVES = Transitions(
    {
        (HoldState.HELD, HoldState.RELEASED),
        (HoldState.HELD, HoldState.COMMITTED),
        (HoldState.COMMITTED, HoldState.CLAIMED),
        (HoldState.CLAIMED, HoldState.COMMITTED),
        (HoldState.CLAIMED, HoldState.REDEEMED),
    }
)


class LineState(StrEnum):
    """One line's share of a hold."""

    HELD = "held"
    RELEASED = "released"
    COMMITTED = "committed"
    REFUNDED = "refunded"
    CLAIMED = "claimed"
    REDEEMED = "redeemed"


LINE_MOVES = Transitions(
    {
        (LineState.HELD, LineState.RELEASED),
        (LineState.HELD, LineState.COMMITTED),
        (LineState.COMMITTED, LineState.REFUNDED),
        (LineState.COMMITTED, LineState.CLAIMED),
        (LineState.CLAIMED, LineState.COMMITTED),
        (LineState.CLAIMED, LineState.REDEEMED),
    }
)
