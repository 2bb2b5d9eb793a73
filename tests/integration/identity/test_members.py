"""Several people of one organisation: invited, with roles of their own, and ended everywhere."""

from typing import Any
from uuid import UUID, uuid4

import httpx

from shared.contracts.permissions import Role
from tests.factories.staff import PASSWORD
from tests.integration.identity.conftest import (
    BASE,
    ENTERPRISE_CODE,
    PROVIDER_CODE,
    Office,
    Party,
    with_fresh_key,
    with_token,
)

NAME = "经办小李"


async def invited(office: Office, party: Party, role: str = "handler") -> dict[str, Any]:
    """An invitation as its administrator is shown it."""
    answer = await office.post("/invitations", {"display_name": NAME, "member_role": role}, office.own(party))
    assert answer.status_code == 201, answer.text
    shown: dict[str, Any] = answer.json()
    return shown


async def accept(office: Office, invitation: dict[str, Any], name: str, **changes: Any) -> httpx.Response:
    """Accept an invitation as a stranger would."""
    body = {
        "invitation_id": invitation["id"],
        "code": invitation["code"],
        "sign_in_name": name,
        "password": PASSWORD,
        **changes,
    }
    return await office.post("/invitations/accept", body, {"Idempotency-Key": uuid4().hex})


async def joined(office: Office, party: Party, name: str, role: str = "handler") -> UUID:
    """Somebody who accepted an invitation."""
    answer = await accept(office, await invited(office, party, role), name)
    assert answer.status_code == 201, answer.text
    return UUID(answer.json()["id"])


async def test_who_is_invited_opens_an_own_account_and_acts_within_the_role(office: Office) -> None:
    party = await office.party("provider", PROVIDER_CODE)
    await joined(office, party, "handler-li")
    await joined(office, party, "reader-wu", "reader")
    handler, reader = await office.bearer("handler-li"), await office.bearer("reader-wu")
    own = await office.get(f"/organisations/{party.id}", handler)
    assert own.status_code == 200
    me = (await office.get("/me", reader)).json()
    assert (me["organisation_id"], me["member_role"]) == (str(party.id), "reader")
    assert all(right.rpartition(":")[2] in {"read", "read_own"} for right in me["permissions"])
    for path in ("/members", "/clients", "/invitations"):
        for who in (handler, reader):
            assert (await office.get(path, who)).status_code == 403, path
    body = {"display_name": "再一人", "member_role": "handler"}
    assert (await office.post("/invitations", body, with_fresh_key(handler))).status_code == 403


async def test_an_invitation_is_good_once_for_its_code_and_its_time(office: Office) -> None:
    party = await office.party("provider", PROVIDER_CODE)
    invitation = await invited(office, party)
    wrong = await accept(office, invitation, "handler-li", code="AAAA-AAAA-AAAA-AAAA")
    unknown = await accept(office, invitation, "handler-li", invitation_id=str(uuid4()))
    assert [answer.json()["code"] for answer in (wrong, unknown)] == ["identity.invitation_wrong"] * 2
    assert (await accept(office, invitation, "handler-li")).status_code == 201
    again = await accept(office, invitation, "handler-wu")
    assert (again.status_code, again.json()["code"]) == (401, "identity.invitation_wrong")
    late = await invited(office, party)
    async with office.platform.runtime("identity").work() as work:
        await work.connection.execute("UPDATE invitation SET expires_at = clock_timestamp() WHERE state = 'open'")
    assert (await accept(office, late, "handler-wu")).status_code == 401
    taken_back = await invited(office, party)
    done = await office.post(f"/invitations/{taken_back['id']}/withdraw", {}, office.own(party))
    assert done.json()["state"] == "withdrawn"
    assert (await accept(office, taken_back, "handler-wu")).status_code == 401
    twice = await office.post(f"/invitations/{taken_back['id']}/withdraw", {}, office.own(party))
    assert (twice.status_code, twice.json()["code"]) == (409, "identity.invitation_not_open")


async def test_no_row_and_no_list_holds_the_code_of_an_invitation(office: Office) -> None:
    party = await office.party("provider", PROVIDER_CODE)
    key = office.own(party)
    body = {"display_name": NAME, "member_role": "handler"}
    first, again = await office.post("/invitations", body, key), await office.post("/invitations", body, key)
    assert first.json() == again.json(), "a repeated call shows the same code"
    code = first.json()["code"]
    assert len(code) == 19
    listed = await office.get("/invitations", office.own(party))
    assert code not in listed.text
    stored = await office.fetch("SELECT convert_from(body, 'UTF8') AS body FROM idempotency WHERE body IS NOT NULL")
    assert not any(code in row["body"] for row in stored)


async def test_a_changed_role_ends_the_tokens_that_carry_the_old_one(office: Office) -> None:
    party = await office.party("provider", PROVIDER_CODE)
    member = await joined(office, party, "handler-li")
    handler = await office.bearer("handler-li")
    change = {"member_role": "reader", "reason": "转岗"}
    changed = await office.post(f"/members/{member}/role", change, office.own(party))
    assert changed.json()["member_role"] == "reader"
    await office.platform.settle()
    assert (await office.get("/me", handler)).status_code == 401
    assert (await office.get("/me", await office.bearer("handler-li"))).json()["member_role"] == "reader"


async def test_an_ended_person_is_signed_out_everywhere_and_comes_in_no_more(office: Office) -> None:
    party = await office.party("provider", PROVIDER_CODE)
    member = await joined(office, party, "handler-li")
    signed_in = (await office.sign_in("handler-li")).json()
    await office.platform.settle()
    ended = await office.post(f"/members/{member}/end", {"reason": "离职"}, office.own(party))
    assert ended.json()["state"] == "disabled"
    await office.platform.settle()
    assert (await office.get("/me", with_token(signed_in["access_tokens"]["identity"]))).status_code == 401
    renewed = await office.client.post(f"{BASE}/sessions/refresh", json={"refresh_token": signed_in["refresh_token"]})
    assert renewed.status_code == 401
    assert (await office.sign_in("handler-li")).status_code == 401


async def test_the_last_administrator_cannot_end_the_own_access_nor_become_something_else(office: Office) -> None:
    party = await office.party("provider", PROVIDER_CODE)
    ended = await office.post(f"/members/{party.account_id}/end", {"reason": "离职"}, office.own(party))
    assert (ended.status_code, ended.json()["code"]) == (422, "identity.last_party_administrator")
    change = {"member_role": "reader", "reason": "转岗"}
    changed = await office.post(f"/members/{party.account_id}/role", change, office.own(party))
    assert (changed.status_code, changed.json()["code"]) == (422, "identity.own_account")


async def test_an_administrator_reaches_nobody_of_another_organisation(office: Office) -> None:
    party = await office.party("provider", PROVIDER_CODE)
    other = await office.party("enterprise", ENTERPRISE_CODE)
    member, invitation = await joined(office, party, "handler-li"), await invited(office, party)
    stranger = office.own(other)
    for path, body in (
        (f"/members/{member}/end", {"reason": "别家"}),
        (f"/members/{member}/role", {"member_role": "reader", "reason": "别家"}),
        (f"/invitations/{invitation['id']}/withdraw", {}),
    ):
        assert (await office.post(path, body, with_fresh_key(stranger))).status_code == 404, path
    seen = await office.get("/members", stranger)
    assert [item["id"] for item in seen.json()["data"]] == [str(other.account_id)]


async def test_every_act_on_a_person_is_in_the_organisation_s_history(office: Office) -> None:
    party = await office.party("provider", PROVIDER_CODE)
    member = await joined(office, party, "handler-li")
    change = {"member_role": "reader", "reason": "转岗"}
    await office.post(f"/members/{member}/role", change, office.own(party))
    await office.post(f"/members/{member}/end", {"reason": "离职"}, office.own(party))
    history = await office.get(f"/organisations/{party.id}/history", office.own(party))
    acts = [item["act"] for item in history.json()["data"]]
    assert acts[:4] == ["account.disable", "member.change_role", "member.join", "member.invite"]
    audited = await office.get(f"/organisations/{party.id}/history", office.headers(Role.AUDITOR))
    joining = next(item for item in audited.json()["data"] if item["act"] == "member.join")
    assert (joining["account_id"], joining["display_name"]) == (str(member), NAME)
