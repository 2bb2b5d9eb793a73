"""The token of a client: asked for with an assertion, kept for as long as it is good, renewed a little before."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from yunquan_client.calls import (
    ATTEMPTS_MAX,
    NoReply,
    Pause,
    Reply,
    Send,
    Steps,
    date_of,
    pause_before_next,
    problem_of,
)
from yunquan_client.errors import NotReached, refused
from yunquan_client.keys import ClientKey

METADATA: Final = "/.well-known/oauth-authorization-server"
EARLY_S: Final = 30.0
"""A token is renewed so long before its end."""
SKEW_S: Final = 2.0
"""A clock that is off by no more than this is good enough for an assertion."""
_ASSERTION_TYPE: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


@dataclass
class Tokens:
    """What one client holds: its key, its token, and how far its clock is from the platform's."""

    client_id: str
    key: ClientKey
    scopes: Sequence[str] = ()
    clock: Callable[[], float] = time.time
    _token: str = ""
    _good_until_s: float = 0.0
    _behind_s: float = 0.0
    _metadata: Mapping[str, Any] = field(default_factory=dict)

    @property
    def due(self) -> bool:
        """Whether a token must be got before the next call."""
        return not self._token or self.clock() >= self._good_until_s

    @property
    def value(self) -> str:
        """The token."""
        return self._token

    def obtain(self) -> Steps:
        """Get a token. Raises: NotSignedIn and other refusals, NotReached.

        The platform's clock counts. Where an assertion is refused and the answer's date is another than ours, the next
        one is made by that date.
        """
        self._token = ""
        if not self._metadata:
            found = yield from self._answered(lambda: Send(method="GET", url=METADATA, headers={}))
            said = problem_of(found)
            if found.status != 200 or not {"issuer", "token_endpoint"} <= said.keys():
                # Not kept: the next call asks again.
                raise refused(
                    found.status if found.status >= 400 else 502, {"detail": "no metadata of a platform", **said}
                )
            self._metadata = said
        reply = yield from self._answered(self._asked)
        if reply.status == 401 and self._set_clock(reply):
            reply = yield from self._answered(self._asked)
        if reply.status >= 400:
            said = problem_of(reply)
            code, text = str(said.get("error", said.get("code", ""))), str(said.get("error_description", ""))
            raise refused(reply.status, {"code": code, "detail": text, **said})
        given = reply.json()
        self._token = str(given["access_token"])
        self._good_until_s = self.clock() + max(float(given["expires_in"]) - EARLY_S, 1.0)
        return reply

    def _asked(self) -> Send:
        """A request for a token, with an assertion of its own: one is good once."""
        form = {
            "grant_type": "client_credentials",
            "client_assertion_type": _ASSERTION_TYPE,
            "client_assertion": self.key.assertion(
                self.client_id, issuer=str(self._metadata["issuer"]), now_s=self.clock() + self._behind_s
            ),
        }
        if self.scopes:
            form["scope"] = " ".join(self.scopes)
        return Send(method="POST", url=str(self._metadata["token_endpoint"]), headers={}, form=form)

    def _set_clock(self, reply: Reply) -> bool:
        """Whether the answer shows that our clock is off; then it is set, for assertions only."""
        date = date_of(reply)
        behind_s = 0.0 if date is None else date.timestamp() - self.clock()
        if abs(behind_s - self._behind_s) <= SKEW_S:
            return False
        self._behind_s = behind_s
        return True

    def _answered(self, asked: Callable[[], Send]) -> Steps:
        """An answer that no later attempt would change."""
        last: Reply | NoReply = NoReply("not sent")
        for attempt in range(1, ATTEMPTS_MAX + 1):
            outcome = yield asked()
            if not isinstance(outcome, (Reply, NoReply)):
                raise TypeError("a request is answered by a Reply or a NoReply")
            last = outcome
            pause_s = (
                None
                if isinstance(last, Reply) and last.status < 400
                else pause_before_next(last, attempt=attempt, spread=0.5)
            )
            if pause_s is None or attempt == ATTEMPTS_MAX:
                break
            yield Pause(pause_s)
        if isinstance(last, NoReply):
            raise NotReached(last.reason, idempotency_key=None)
        return last
