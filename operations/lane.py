"""The lane of what is said again: operators fill it no faster than the service empties it."""

from operations.commands.base import until
from operations.places import Database
from shared.runtime.messaging.resend import has_room

ROOM_TIMEOUT_S = 60.0
NO_ROOM = "stopped: what was said again is not sent; start the producer of these facts, then repeat this command"


async def wait_for_room(database: Database) -> bool:
    """Wait until a producer has sent what it was to say again; False if it has not for a minute."""

    async def room() -> bool:
        async with database.reading() as connection:
            return await has_room(connection)

    return await until(room, timeout_s=ROOM_TIMEOUT_S)
