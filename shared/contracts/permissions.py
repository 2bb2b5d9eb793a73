"""Who may do what: the roles, the permissions (scope:resource:action) and the one table that joins them.

A permission says that a role may ask for an act at all. Which rows it may touch (own organisation, own
region) is a condition in SQL, and whether the act is allowed now is a rule of the service that owns it.
"""

from collections.abc import Iterable, Iterator, Mapping
from enum import StrEnum
from types import MappingProxyType


class Role(StrEnum):
    """The roles of the scheme. Source: R1 to R5, R9, Q22."""

    ENTERPRISE = "enterprise"
    PROVIDER = "provider"
    OPERATOR_CLERK = "operator_clerk"
    OPERATOR_LEAD = "operator_lead"
    BUREAU_OFFICER = "bureau_officer"
    BUREAU_LEAD = "bureau_lead"
    FINANCE = "finance"
    AUDITOR = "auditor"
    REGION = "region"
    PLATFORM_ADMIN = "platform_admin"
    SERVICE = "service"


class Permission(StrEnum):
    """The acts of the platform, named scope:resource:action.

    Registration, the public directory and the check of a receipt are anonymous and have no permission here.
    `read_own` is limited to the caller's organisation, `read_region` to the caller's region, `read_all` to
    nothing.

    Two permissions are about people, and neither holds the other. `platform:person:read` names the person beside each
    act in the histories of catalog, voucher, order and settlement: for the bureau, its officers too, and the auditor.
    `identity:account:read` opens identity's register of accounts (whose an account is, what roles it held when, what
    it decided): for whoever answers for people, the operator's lead among them, and the auditor.
    """

    IDENTITY_ORGANISATION_READ_OWN = "identity:organisation:read_own"
    IDENTITY_ORGANISATION_READ_REGION = "identity:organisation:read_region"
    IDENTITY_ORGANISATION_READ_ALL = "identity:organisation:read_all"
    IDENTITY_AUTHENTICATION_SUBMIT = "identity:authentication:submit"
    IDENTITY_AUTHENTICATION_REVIEW = "identity:authentication:review"
    IDENTITY_RECOGNITION_DECIDE = "identity:recognition:decide"
    IDENTITY_RECOGNITION_EXCEPT = "identity:recognition:except"
    IDENTITY_AFFILIATION_DECLARE = "identity:affiliation:declare"
    IDENTITY_AFFILIATION_RECORD = "identity:affiliation:record"
    IDENTITY_DOCUMENT_READ_OWN = "identity:document:read_own"
    IDENTITY_DOCUMENT_READ_ALL = "identity:document:read_all"
    IDENTITY_CLIENT_MANAGE_OWN = "identity:client:manage_own"
    IDENTITY_MEMBER_MANAGE_OWN = "identity:member:manage_own"
    IDENTITY_ACCOUNT_READ = "identity:account:read"
    IDENTITY_ACCESS_READ = "identity:access:read"
    IDENTITY_STAFF_MANAGE = "identity:staff:manage"
    IDENTITY_STAFF_APPROVE = "identity:staff:approve"
    IDENTITY_ACCOUNT_RESET = "identity:account:reset"
    IDENTITY_ACCOUNT_DISABLE = "identity:account:disable"
    IDENTITY_OPERATOR_DESIGNATE = "identity:operator:designate"
    IDENTITY_EXIT_APPLY = "identity:exit:apply"
    IDENTITY_EXIT_HANDLE = "identity:exit:handle"
    IDENTITY_ORGANISATION_SUSPEND = "identity:organisation:suspend"
    IDENTITY_ORGANISATION_REINSTATE = "identity:organisation:reinstate"
    IDENTITY_DELISTING_PROPOSE = "identity:delisting:propose"
    IDENTITY_DELISTING_APPROVE = "identity:delisting:approve"
    IDENTITY_BLACKLIST_PROPOSE = "identity:blacklist:propose"
    IDENTITY_BLACKLIST_APPROVE = "identity:blacklist:approve"

    CATALOG_PRODUCT_READ = "catalog:product:read"
    CATALOG_PRODUCT_DRAFT = "catalog:product:draft"
    CATALOG_PRODUCT_SUBMIT = "catalog:product:submit"
    CATALOG_PRODUCT_OPERATOR_REVIEW = "catalog:product:operator_review"
    CATALOG_PRODUCT_BUREAU_REVIEW = "catalog:product:bureau_review"
    CATALOG_PRODUCT_WITHDRAW_OWN = "catalog:product:withdraw_own"
    CATALOG_PRODUCT_DELIST = "catalog:product:delist"

    VOUCHER_PLAN_READ = "voucher:plan:read"
    VOUCHER_PLAN_DRAFT = "voucher:plan:draft"
    VOUCHER_PLAN_APPROVE = "voucher:plan:approve"
    VOUCHER_PLAN_PUBLISH = "voucher:plan:publish"
    VOUCHER_APPLICATION_SUBMIT = "voucher:application:submit"
    VOUCHER_APPLICATION_WITHDRAW = "voucher:application:withdraw"
    VOUCHER_APPLICATION_REVIEW = "voucher:application:review"
    VOUCHER_APPLICATION_READ_OWN = "voucher:application:read_own"
    VOUCHER_APPLICATION_READ_REGION = "voucher:application:read_region"
    VOUCHER_APPLICATION_READ_ALL = "voucher:application:read_all"
    VOUCHER_ACCOUNT_READ_OWN = "voucher:account:read_own"
    VOUCHER_ACCOUNT_READ_REGION = "voucher:account:read_region"
    VOUCHER_ACCOUNT_READ_ALL = "voucher:account:read_all"
    VOUCHER_LEDGER_READ = "voucher:ledger:read"
    VOUCHER_LEDGER_PROVE = "voucher:ledger:prove"
    VOUCHER_LEDGER_EXPLAIN = "voucher:ledger:explain"
    VOUCHER_REVOCATION_PROPOSE = "voucher:revocation:propose"
    VOUCHER_REVOCATION_APPROVE = "voucher:revocation:approve"

    ORDER_QUOTE_MAKE = "order:quote:make"
    ORDER_ORDER_PLACE = "order:order:place"
    ORDER_ORDER_CONFIRM = "order:order:confirm"
    ORDER_ORDER_CANCEL = "order:order:cancel"
    ORDER_ORDER_READ_OWN = "order:order:read_own"
    ORDER_ORDER_READ_REGION = "order:order:read_region"
    ORDER_ORDER_READ_ALL = "order:order:read_all"
    ORDER_REFUND_REQUEST = "order:refund:request"
    ORDER_REFUND_CONSENT = "order:refund:consent"
    ORDER_REFUND_REFUSE = "order:refund:refuse"
    ORDER_ESCALATION_DECIDE = "order:escalation:decide"
    ORDER_DELIVERY_RECORD = "order:delivery:record"
    ORDER_DELIVERY_ACCEPT = "order:delivery:accept"
    ORDER_COMPLAINT_FILE = "order:complaint:file"
    ORDER_COMPLAINT_HANDLE = "order:complaint:handle"
    ORDER_EVALUATION_FILE = "order:evaluation:file"
    ORDER_EVENT_READ = "order:event:read"
    ORDER_WEBHOOK_MANAGE = "order:webhook:manage"
    ORDER_HOST_APPROVE = "order:host:approve"

    SETTLEMENT_CLAIM_FILE = "settlement:claim:file"
    SETTLEMENT_CLAIM_WITHDRAW = "settlement:claim:withdraw"
    SETTLEMENT_CLAIM_READ_OWN = "settlement:claim:read_own"
    SETTLEMENT_CLAIM_READ_ALL = "settlement:claim:read_all"
    SETTLEMENT_CLAIM_FIRST_REVIEW = "settlement:claim:first_review"
    SETTLEMENT_CLAIM_QUESTION = "settlement:claim:question"
    SETTLEMENT_CLAIM_ANSWER = "settlement:claim:answer"
    SETTLEMENT_CLAIM_BUREAU_REVIEW = "settlement:claim:bureau_review"
    SETTLEMENT_APPROPRIATION_REQUEST = "settlement:appropriation:request"
    SETTLEMENT_APPROPRIATION_APPROVE = "settlement:appropriation:approve"
    SETTLEMENT_PAYMENT_RECORD = "settlement:payment:record"
    SETTLEMENT_EXPORT_MAKE = "settlement:export:make"
    SETTLEMENT_OVERRIDE_PROPOSE = "settlement:override:propose"
    SETTLEMENT_OVERRIDE_APPROVE = "settlement:override:approve"
    SETTLEMENT_TRAIL_READ = "settlement:trail:read"

    PLATFORM_TASK_READ = "platform:task:read"
    PLATFORM_PERSON_READ = "platform:person:read"
    PLATFORM_NOTICE_READ = "platform:notice:read"
    PLATFORM_KEY_ROTATE = "platform:key:rotate"
    PLATFORM_CLOCK_MOVE = "platform:clock:move"
    PLATFORM_REPLAY_PROPOSE = "platform:replay:propose"
    PLATFORM_REPLAY_APPROVE = "platform:replay:approve"


P = Permission

# What waits for me and what was decided about me is open to every role (DESIGN: What waits for me).
_EVERYONE = frozenset({P.PLATFORM_TASK_READ, P.PLATFORM_NOTICE_READ, P.CATALOG_PRODUCT_READ, P.VOUCHER_PLAN_READ})

_PARTY = _EVERYONE | {
    P.IDENTITY_ORGANISATION_READ_OWN,
    P.IDENTITY_AUTHENTICATION_SUBMIT,
    P.IDENTITY_AFFILIATION_DECLARE,
    P.IDENTITY_DOCUMENT_READ_OWN,
    P.IDENTITY_CLIENT_MANAGE_OWN,
    P.IDENTITY_MEMBER_MANAGE_OWN,
    P.IDENTITY_EXIT_APPLY,
    P.ORDER_ORDER_READ_OWN,
}

_OVERSEER = _EVERYONE | {
    P.IDENTITY_ORGANISATION_READ_ALL,
    P.IDENTITY_DOCUMENT_READ_ALL,
    P.VOUCHER_APPLICATION_READ_ALL,
    P.VOUCHER_ACCOUNT_READ_ALL,
    P.VOUCHER_LEDGER_READ,
    P.ORDER_ORDER_READ_ALL,
    P.SETTLEMENT_CLAIM_READ_ALL,
}

# Which person acted, and who read whose papers: for those who supervise others, and for the auditor (R7, R8, R9).
_SUPERVISOR = frozenset({P.IDENTITY_ACCOUNT_READ, P.IDENTITY_ACCESS_READ})

_OPERATOR = _OVERSEER | {
    P.IDENTITY_AUTHENTICATION_REVIEW,
    P.IDENTITY_AFFILIATION_RECORD,
    P.IDENTITY_EXIT_HANDLE,
    P.IDENTITY_ACCOUNT_RESET,
    P.CATALOG_PRODUCT_OPERATOR_REVIEW,
    P.VOUCHER_APPLICATION_REVIEW,
    P.ORDER_COMPLAINT_HANDLE,
    P.SETTLEMENT_CLAIM_FIRST_REVIEW,
    P.SETTLEMENT_CLAIM_ANSWER,
}

_BUREAU = _OVERSEER | {
    # The operator is itself supervised (R8), so its own staff see in which role somebody acted and not who it was.
    P.PLATFORM_PERSON_READ,
    P.IDENTITY_RECOGNITION_DECIDE,
    P.CATALOG_PRODUCT_BUREAU_REVIEW,
    P.SETTLEMENT_CLAIM_QUESTION,
    P.SETTLEMENT_EXPORT_MAKE,
}

GRANTS: Mapping[Role, frozenset[Permission]] = MappingProxyType(
    {
        Role.ENTERPRISE: _PARTY
        | {
            P.VOUCHER_APPLICATION_SUBMIT,
            P.VOUCHER_APPLICATION_WITHDRAW,
            P.VOUCHER_APPLICATION_READ_OWN,
            P.VOUCHER_ACCOUNT_READ_OWN,
            P.ORDER_QUOTE_MAKE,
            P.ORDER_ORDER_PLACE,
            P.ORDER_ORDER_CANCEL,
            P.ORDER_REFUND_REQUEST,
            P.ORDER_DELIVERY_ACCEPT,
            P.ORDER_COMPLAINT_FILE,
            P.ORDER_EVALUATION_FILE,
        },
        Role.PROVIDER: _PARTY
        | {
            P.CATALOG_PRODUCT_DRAFT,
            P.CATALOG_PRODUCT_SUBMIT,
            P.CATALOG_PRODUCT_WITHDRAW_OWN,
            P.ORDER_ORDER_CONFIRM,
            P.ORDER_REFUND_CONSENT,
            P.ORDER_REFUND_REFUSE,
            P.ORDER_DELIVERY_RECORD,
            P.ORDER_EVENT_READ,
            P.ORDER_WEBHOOK_MANAGE,
            P.SETTLEMENT_CLAIM_FILE,
            P.SETTLEMENT_CLAIM_WITHDRAW,
            P.SETTLEMENT_CLAIM_READ_OWN,
            # The rules let the provider itself ask for the appropriation after first review (A24, R79).
            P.SETTLEMENT_APPROPRIATION_REQUEST,
        },
        Role.OPERATOR_CLERK: _OPERATOR | {P.IDENTITY_DELISTING_PROPOSE, P.VOUCHER_REVOCATION_PROPOSE},
        Role.OPERATOR_LEAD: _OPERATOR
        | _SUPERVISOR
        | {
            P.IDENTITY_ORGANISATION_SUSPEND,
            P.IDENTITY_ORGANISATION_REINSTATE,
            P.IDENTITY_ACCOUNT_DISABLE,
            P.IDENTITY_DELISTING_APPROVE,
            P.IDENTITY_BLACKLIST_PROPOSE,
            P.CATALOG_PRODUCT_DELIST,
            P.VOUCHER_PLAN_PUBLISH,
            P.VOUCHER_REVOCATION_APPROVE,
            P.ORDER_ESCALATION_DECIDE,
            P.ORDER_HOST_APPROVE,
            P.SETTLEMENT_OVERRIDE_PROPOSE,
            P.PLATFORM_REPLAY_APPROVE,
        },
        Role.BUREAU_OFFICER: _BUREAU
        | {P.VOUCHER_PLAN_DRAFT, P.SETTLEMENT_CLAIM_BUREAU_REVIEW, P.SETTLEMENT_OVERRIDE_PROPOSE},
        Role.BUREAU_LEAD: _BUREAU
        | _SUPERVISOR
        | {
            P.IDENTITY_RECOGNITION_EXCEPT,
            P.IDENTITY_OPERATOR_DESIGNATE,
            # The second person for accounts of the operator and of the bureau's officers (ADR 0019).
            P.IDENTITY_STAFF_APPROVE,
            P.IDENTITY_ORGANISATION_SUSPEND,
            P.IDENTITY_ORGANISATION_REINSTATE,
            P.IDENTITY_BLACKLIST_APPROVE,
            P.CATALOG_PRODUCT_DELIST,
            P.VOUCHER_PLAN_APPROVE,
            P.VOUCHER_LEDGER_PROVE,
            P.VOUCHER_LEDGER_EXPLAIN,
            P.SETTLEMENT_APPROPRIATION_APPROVE,
            P.SETTLEMENT_OVERRIDE_APPROVE,
            P.SETTLEMENT_TRAIL_READ,
        },
        Role.FINANCE: _EVERYONE
        | {
            P.VOUCHER_LEDGER_READ,
            P.VOUCHER_LEDGER_PROVE,
            P.SETTLEMENT_CLAIM_READ_ALL,
            P.SETTLEMENT_PAYMENT_RECORD,
            P.SETTLEMENT_EXPORT_MAKE,
        },
        # Complete read access and exports, and no act that changes anything (R9); who acted and who read, too.
        Role.AUDITOR: _OVERSEER
        | _SUPERVISOR
        | {P.SETTLEMENT_EXPORT_MAKE, P.SETTLEMENT_TRAIL_READ, P.PLATFORM_PERSON_READ},
        # Read rights on the own region only and no approval power (R5).
        Role.REGION: _EVERYONE
        | {
            P.IDENTITY_ORGANISATION_READ_REGION,
            P.VOUCHER_APPLICATION_READ_REGION,
            P.VOUCHER_ACCOUNT_READ_REGION,
            P.ORDER_ORDER_READ_REGION,
        },
        # Whoever runs the machines sees no business rows and decides nothing about money.
        Role.PLATFORM_ADMIN: _EVERYONE
        | {
            P.IDENTITY_STAFF_MANAGE,
            P.IDENTITY_STAFF_APPROVE,
            P.PLATFORM_CLOCK_MOVE,
            P.PLATFORM_KEY_ROTATE,
            P.PLATFORM_REPLAY_PROPOSE,
        },
        # Services learn from each other by facts, so a service token opens next to nothing.
        Role.SERVICE: _EVERYONE,
    }
)

# First act -> second act. No role holds both, and the service compares the persons too, since one may have
# two roles.
FOUR_EYES: Mapping[Permission, Permission] = MappingProxyType(
    {
        P.CATALOG_PRODUCT_OPERATOR_REVIEW: P.CATALOG_PRODUCT_BUREAU_REVIEW,
        P.VOUCHER_PLAN_DRAFT: P.VOUCHER_PLAN_APPROVE,
        P.VOUCHER_REVOCATION_PROPOSE: P.VOUCHER_REVOCATION_APPROVE,
        P.IDENTITY_DELISTING_PROPOSE: P.IDENTITY_DELISTING_APPROVE,
        P.IDENTITY_BLACKLIST_PROPOSE: P.IDENTITY_BLACKLIST_APPROVE,
        P.SETTLEMENT_CLAIM_FIRST_REVIEW: P.SETTLEMENT_CLAIM_BUREAU_REVIEW,
        P.SETTLEMENT_CLAIM_BUREAU_REVIEW: P.SETTLEMENT_APPROPRIATION_APPROVE,
        P.SETTLEMENT_APPROPRIATION_APPROVE: P.SETTLEMENT_PAYMENT_RECORD,
        P.SETTLEMENT_OVERRIDE_PROPOSE: P.SETTLEMENT_OVERRIDE_APPROVE,
        P.PLATFORM_REPLAY_PROPOSE: P.PLATFORM_REPLAY_APPROVE,
    }
)


def permissions_of(roles: Iterable[Role]) -> frozenset[Permission]:
    """Everything that these roles may do together; no roles may do nothing."""
    return frozenset().union(*(GRANTS[role] for role in roles))


def _controlled_by(first: Permission) -> Iterator[Permission]:
    """The acts that follow a first act and control it, directly or through one between."""
    followed = FOUR_EYES.get(first)
    while followed is not None:
        yield followed
        followed = FOUR_EYES.get(followed)


def _exclusive_roles() -> dict[frozenset[Role], tuple[Permission, Permission]]:
    found: dict[frozenset[Role], tuple[Permission, Permission]] = {}
    for first in FOUR_EYES:
        for second in _controlled_by(first):
            for one in Role:
                for other in Role:
                    if one is not other and first in GRANTS[one] and second in GRANTS[other]:
                        found.setdefault(frozenset({one, other}), (first, second))
    return found


EXCLUSIVE_ROLES: Mapping[frozenset[Role], tuple[Permission, Permission]] = MappingProxyType(_exclusive_roles())
"""Two roles that nobody holds together -> the two acts of one case, of which the second controls the first.

It follows from FOUR_EYES, also over acts between: who reviews a claim first does not pay it either.
"""


def exclusive_within(roles: Iterable[Role]) -> tuple[frozenset[Role], ...]:
    """The pairs among these roles that nobody may hold together, by name; none when they may be one account's."""
    held = frozenset(roles)
    return tuple(sorted((pair for pair in EXCLUSIVE_ROLES if pair <= held), key=sorted))
