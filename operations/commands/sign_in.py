"""sign-in: a person proves who they are, for the acts that take two people."""

from pathlib import Path

from operations.commands.base import Call, Subparsers, command
from operations.people import sign_in
from operations.places import variable
from operations.report import Report


def add(commands: Subparsers) -> None:
    """Declare the command."""
    parser = command(
        commands,
        "sign-in",
        does="sign in at identity and keep the tokens for the next minutes, for acts that take two people",
        examples="sign-in anna --save ~/anna.session",
        run=run,
    )
    parser.add_argument("name", help="the sign-in name of your own staff account")
    parser.add_argument("--save", type=Path, required=True, help="a file that only you can read afterwards")


async def run(call: Call) -> Report:
    """Ask for password and code; IDENTITY_URL is the address of identity or of the gateway."""
    given = call.given
    lives_s = await sign_in(given.name, base_url=variable("IDENTITY_URL"), save=given.save)
    call.progress.close()
    line = f"{given.name} is signed in for {lives_s:.0f} s: give --token-file {given.save}"
    return Report(lines=[line], data={"name": given.name, "expires_in_s": lives_s})
