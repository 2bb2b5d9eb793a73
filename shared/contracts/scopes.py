"""What narrows the rights of an organisation: the scopes of its machine clients, and the roles of its people.

A token opens the intersection: what its scopes or its member's role name, as far as `permissions.GRANTS` gives it to
the role of the organisation.
"""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from types import MappingProxyType

from shared.contracts.permissions import GRANTS, Permission, Role

P = Permission

SCOPES: Mapping[str, frozenset[Permission]] = MappingProxyType(
    {
        "organisation:read": frozenset({P.IDENTITY_ORGANISATION_READ_OWN}),
        "notice:read": frozenset({P.PLATFORM_NOTICE_READ, P.PLATFORM_TASK_READ}),
        "product:read": frozenset({P.CATALOG_PRODUCT_READ}),
        "product:manage": frozenset(
            {
                P.CATALOG_PRODUCT_READ,
                P.CATALOG_PRODUCT_DRAFT,
                P.CATALOG_PRODUCT_SUBMIT,
                P.CATALOG_PRODUCT_WITHDRAW_OWN,
            }
        ),
        "plan:read": frozenset({P.VOUCHER_PLAN_READ}),
        "voucher:read": frozenset({P.VOUCHER_APPLICATION_READ_OWN, P.VOUCHER_ACCOUNT_READ_OWN}),
        "voucher:apply": frozenset({P.VOUCHER_APPLICATION_SUBMIT, P.VOUCHER_APPLICATION_WITHDRAW}),
        "order:read": frozenset({P.ORDER_ORDER_READ_OWN}),
        "order:place": frozenset({P.ORDER_QUOTE_MAKE, P.ORDER_ORDER_PLACE}),
        "order:confirm": frozenset({P.ORDER_ORDER_CONFIRM}),
        "order:cancel": frozenset({P.ORDER_ORDER_CANCEL}),
        "refund:request": frozenset({P.ORDER_REFUND_REQUEST}),
        "refund:consent": frozenset({P.ORDER_REFUND_CONSENT}),
        "refund:refuse": frozenset({P.ORDER_REFUND_REFUSE}),
        "delivery:record": frozenset({P.ORDER_DELIVERY_RECORD}),
        "delivery:accept": frozenset({P.ORDER_DELIVERY_ACCEPT}),
        "complaint:file": frozenset({P.ORDER_COMPLAINT_FILE}),
        "evaluation:file": frozenset({P.ORDER_EVALUATION_FILE}),
        "event:read": frozenset({P.ORDER_EVENT_READ}),
        "webhook:manage": frozenset({P.ORDER_WEBHOOK_MANAGE}),
        "claim:read": frozenset({P.SETTLEMENT_CLAIM_READ_OWN}),
        "claim:file": frozenset({P.SETTLEMENT_CLAIM_FILE, P.SETTLEMENT_CLAIM_WITHDRAW}),
        "appropriation:request": frozenset({P.SETTLEMENT_APPROPRIATION_REQUEST}),
    }
)
"""What each scope of a machine client lets it do, as far as its organisation's role holds the right as well.

No scope opens a client to manage clients or people, to hand in papers of the organisation, or to leave the scheme.
"""


def scopes_of(role: Role) -> frozenset[str]:
    """The scopes of which a party with this role may use any right at all."""
    return frozenset(scope for scope, rights in SCOPES.items() if not rights.isdisjoint(GRANTS[role]))


def permissions_in(scopes: Iterable[str]) -> frozenset[Permission]:
    """Everything that these scopes open together; one that only a newer release knows opens nothing."""
    return frozenset().union(*(SCOPES.get(scope, frozenset()) for scope in scopes))


class MemberRole(StrEnum):
    """What somebody is within an enterprise or a provider."""

    ADMINISTRATOR = "administrator"
    HANDLER = "handler"
    READER = "reader"


_OF_ADMINISTRATORS = frozenset(
    {
        P.IDENTITY_CLIENT_MANAGE_OWN,
        P.IDENTITY_MEMBER_MANAGE_OWN,
        P.IDENTITY_EXIT_APPLY,
        P.ORDER_WEBHOOK_MANAGE,
    }
)
_READING = frozenset(right for right in Permission if right.value.rpartition(":")[2] in {"read", "read_own"})

MEMBER_RIGHTS: Mapping[str, frozenset[Permission]] = MappingProxyType(
    {
        MemberRole.ADMINISTRATOR: frozenset(Permission),
        MemberRole.HANDLER: frozenset(Permission) - _OF_ADMINISTRATORS,
        MemberRole.READER: _READING,
    }
)
"""What each role within an organisation leaves of the organisation's rights."""
