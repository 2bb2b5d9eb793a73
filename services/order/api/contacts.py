"""The contact person that an enterprise names for its orders, over HTTP."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from services.order import views
from services.order.api.bodies import ContactBody
from services.order.contacts import ContactSeal, contact_of
from services.order.handlers import contacts
from shared.contracts.http.lists import Page
from shared.contracts.http.resources import Resource
from shared.contracts.permissions import Permission
from shared.runtime.auth import Principal
from shared.runtime.http import AskedPlace, Reading, Run, actor_of, require, runtime_of

router = APIRouter(tags=["联系人"])

# Who acted and who read is for those who supervise, and for the auditor.
TrailReader = Annotated[Principal, Depends(require(Permission.PLATFORM_PERSON_READ))]
Placer = Annotated[Principal, Depends(require(Permission.ORDER_ORDER_PLACE))]


class NamedContact(Resource):
    """The contact person of the enterprise's orders, or nobody."""

    contact: views.ContactView | None


@router.get("/contact", summary="本单位订单联系人")
async def read_contact(request: Request, connection: Reading, principal: Placer) -> NamedContact:
    """Whom the enterprise has named for all its orders."""
    seal = runtime_of(request).ports.get(ContactSeal)
    return NamedContact(contact=await views.read_contact(connection, principal.organisation_id, seal=seal))


@router.get("/contact-reads", summary="订单联系人查阅记录")
async def list_contact_reads(
    connection: Reading,
    _reader: TrailReader,
    place: AskedPlace,
    order_id: UUID | None = None,
    account_id: UUID | None = None,
) -> Page[views.ContactReadItem]:
    """Who was shown the contact person of which order when, newest first. Source: R7, R8, R9."""
    return await views.list_contact_reads(connection, order_id=order_id, account_id=account_id, place=place)


@router.put("/contact", status_code=204, summary="设置本单位订单联系人")
async def name_contact(run: Run, body: ContactBody, principal: Placer) -> Response:
    """Name whom providers may ring about orders; shown to the provider of an order from the order on. Source: A19.

    Raises: BadRequest.
    """
    command = contacts.NameContact(contact=contact_of(**body.model_dump()), by=actor_of(principal))
    return await run.run(contacts.name_contact, command, status=204)


@router.delete("/contact", status_code=204, summary="删除本单位订单联系人")
async def forget_contact(run: Run, principal: Placer) -> Response:
    """Take the name back; providers see no contact then, but for orders that were given their own."""
    command = contacts.NameContact(contact=None, by=actor_of(principal))
    return await run.run(contacts.name_contact, command, status=204)
