"""States and accounts of the voucher service, with the tables of allowed moves."""

from enum import StrEnum

from shared.kernel.states import Transitions


class Account(StrEnum):
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


PLAN_MOVES = Transitions(
    {
        (PlanState.DRAFT, PlanState.APPROVED),
        (PlanState.APPROVED, PlanState.PUBLISHED),
        (PlanState.PUBLISHED, PlanState.CLOSING),
        (PlanState.CLOSING, PlanState.CLOSED),
    }
)


class IncreaseState(StrEnum):
    """An act that needs a second person: an increase of the plan, a revocation."""

    PROPOSED = "proposed"
    APPROVED = "approved"


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


_QUEUED, _EARMARKED, _WAITING = ApplicationState.QUEUED, ApplicationState.EARMARKED, ApplicationState.WAITING
_ENDS = (ApplicationState.REFUSED, ApplicationState.SENT_BACK, ApplicationState.WITHDRAWN, ApplicationState.CLOSED)
OPEN_APPLICATION_STATES = frozenset({_QUEUED, _EARMARKED, _WAITING})

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
