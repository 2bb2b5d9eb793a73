"""An organisation's machine clients, with their keys, for its own administrator."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from pydantic import computed_field
from sqlalchemy import select

from services.identity.domain.clients import client_id_of
from services.identity.tables import CLIENT, CLIENT_KEY
from shared.contracts.http.lists import Page
from shared.contracts.http.resources import Resource
from shared.runtime.auth import Principal
from shared.runtime.sql import Connection, fetch_all, fetch_one, read_page
from shared.runtime.work import NotFound


class ClientKeyItem(Resource):
    """A public key of a client; times are machine time."""

    kid: str
    algorithm: str
    added_at: datetime
    expires_at: datetime
    last_used_at: datetime | None
    retired_at: datetime | None


class ClientItem(Resource):
    """A machine client; `client_id` is what it calls itself at the token endpoint."""

    id: UUID
    name: str
    scopes: Sequence[str]
    state: str
    opened_by: UUID
    opened_at: datetime
    last_used_at: datetime | None
    keys: Sequence[ClientKeyItem] = ()
    version: int

    @computed_field  # type: ignore[prop-decorator] # mypy knows no decorated property
    @property
    def client_id(self) -> str:
        """What the client calls itself at the token endpoint."""
        return client_id_of(self.id)


async def list_clients(
    connection: Connection, principal: Principal, *, limit: int, cursor: str | None
) -> Page[ClientItem]:
    """The caller's organisation's clients, the deleted ones too. Raises: CursorInvalid."""
    statement = select(CLIENT).where(CLIENT.c.organisation_id == principal.organisation_id)
    page = await read_page(connection, statement, key=CLIENT.c.id, item=ClientItem, limit=limit, cursor=cursor)
    return page.model_copy(update={"data": await _with_keys(connection, page.data)})


async def read_client(connection: Connection, principal: Principal, client_id: UUID) -> ClientItem:
    """One client of the caller's organisation. Raises: NotFound."""
    statement = select(CLIENT).where(CLIENT.c.id == client_id, CLIENT.c.organisation_id == principal.organisation_id)
    row = await fetch_one(connection, statement)
    if row is None:
        raise NotFound
    found = await _with_keys(connection, [ClientItem.model_validate(dict(row))])
    return found[0]


async def _with_keys(connection: Connection, clients: Sequence[ClientItem]) -> list[ClientItem]:
    statement = select(CLIENT_KEY).where(CLIENT_KEY.c.client_id.in_([client.id for client in clients]))
    rows = await fetch_all(connection, statement.order_by(CLIENT_KEY.c.id.desc()))
    return [
        client.model_copy(
            update={"keys": [ClientKeyItem.model_validate(dict(row)) for row in rows if row["client_id"] == client.id]}
        )
        for client in clients
    ]
