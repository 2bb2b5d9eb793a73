"""`yunquan-client`: keys, tokens, orders, the event feed, and a receiver of webhooks to look at them."""

import argparse
import json
import os
import sys
from collections.abc import Sequence
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

from yunquan_client.client import Yunquan
from yunquan_client.errors import YunquanError
from yunquan_client.keys import ClientKey
from yunquan_client.models import Event, Order
from yunquan_client.webhooks import WebhookRefused, Webhooks

BODY_BYTES_MAX = 64 * 1024
_EPILOG = """\
HOST, CLIENT and KEY may be given as YUNQUAN_HOST, YUNQUAN_CLIENT_ID and YUNQUAN_KEY.

exit codes: 0 done; 1 refused, or the platform was not reached; 2 wrong use; 130 stopped by Ctrl-C
"""


def parser() -> argparse.ArgumentParser:
    """All commands."""
    found = argparse.ArgumentParser(
        prog="yunquan-client",
        description="Speak to the Yunquan platform as a machine client.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    found.add_argument("--host", default=os.environ.get("YUNQUAN_HOST"), help="where the platform answers")
    found.add_argument("--client", default=os.environ.get("YUNQUAN_CLIENT_ID"), help="the client_id (yqc_…)")
    found.add_argument("--key", default=os.environ.get("YUNQUAN_KEY"), help="the file of the private key")
    commands = found.add_subparsers(metavar="COMMAND", required=True)
    new = commands.add_parser("new-key", help="make a key; the public half is printed, to open the client with")
    new.add_argument("file", help="where the private key is written; it must not be there")
    new.set_defaults(run=_new_key, offline=True)
    commands.add_parser("token", help="get a token and print it").set_defaults(run=_token, offline=False)
    orders = commands.add_parser("orders", help="print orders, a line of JSON each, newest first")
    orders.add_argument("--state", help="only of this state")
    orders.set_defaults(run=_orders, offline=False)
    confirm = commands.add_parser("confirm", help="confirm an order as it is now")
    confirm.add_argument("order")
    confirm.set_defaults(run=_confirm, offline=False)
    events = commands.add_parser("events", help="print the event feed, a line of JSON each, oldest first")
    events.add_argument("--cursor", help="go on behind it; each line has one")
    events.add_argument("--type", action="append", default=[], help="only of this type; may be repeated")
    events.add_argument("--follow", action="store_true", help="go on for ever")
    events.set_defaults(run=_events, offline=False)
    listen = commands.add_parser("listen", help="receive webhooks here, verify them and print them")
    listen.add_argument("--port", type=int, default=8099)
    listen.add_argument("--secret", action="append", default=[], help="whsec_…; may be repeated")
    listen.add_argument("--public-key", action="append", default=[], help="whpk_…; may be repeated")
    listen.set_defaults(run=_listen, offline=True)
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    commands = parser()
    given = commands.parse_args(arguments)
    if not given.offline and not (given.host and given.client and given.key):
        commands.error("give --host, --client and --key, or their variables")
    try:
        given.run(given)
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # Whoever read our lines has seen enough; nothing more can be said to them.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except (YunquanError, OSError, ValueError) as error:
        print(f"yunquan-client: {error}", file=sys.stderr)
        return 1
    return 0


def _client(given: argparse.Namespace) -> Yunquan:
    return Yunquan(given.host, given.client, Path(given.key))


def _new_key(given: argparse.Namespace) -> None:
    key = ClientKey.generate()
    key.save(given.file)
    print(key.public_pem, end="")


def _token(given: argparse.Namespace) -> None:
    with _client(given) as client:
        print(client.token())


def _orders(given: argparse.Namespace) -> None:
    with _client(given) as client:
        for order in client.orders(state=given.state):
            _print(dict(order.data))


def _confirm(given: argparse.Namespace) -> None:
    with _client(given) as client:
        confirmed: Order = client.confirm(client.order(given.order))
        _print(dict(confirmed.data))


def _events(given: argparse.Namespace) -> None:
    with _client(given) as client:
        for event in client.events(cursor=given.cursor, types=given.type, follow=given.follow):
            _print({**_told(event), "cursor": event.cursor})


def _listen(given: argparse.Namespace) -> None:
    webhooks = Webhooks(secrets=given.secret, public_keys=given.public_key)

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            """Verify one request, print what it says, and answer."""
            length = self.headers.get("content-length", "")
            body = self.rfile.read(min(int(length), BODY_BYTES_MAX)) if length.isascii() and length.isdigit() else b""
            try:
                event = webhooks.verify(dict(self.headers.items()), body)
            except WebhookRefused as refused:
                print(f"yunquan-client: refused: {refused}", file=sys.stderr)
                self.send_error(400)
                return
            _print(_told(event))
            self.send_response(204)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
            """Say nothing of its own."""

    with HTTPServer(("127.0.0.1", given.port), Receiver) as server:
        print(f"yunquan-client: http://127.0.0.1:{server.server_port}/ (Ctrl-C ends it)", file=sys.stderr, flush=True)
        server.serve_forever()


def _told(event: Event) -> dict[str, object]:
    return {
        "id": event.id,
        "type": event.type,
        "timestamp": event.timestamp.isoformat(),
        "sequence": event.sequence,
        "data": dict(event.data),
    }


def _print(value: object) -> None:
    print(json.dumps(value, ensure_ascii=False), flush=True)


if __name__ == "__main__":
    sys.exit(main())
