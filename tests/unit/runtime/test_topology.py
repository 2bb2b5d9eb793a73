"""What the deploy-time job declares, derived from what the services listen to."""

import re

import pytest

from embedded.platform import SERVICES
from shared.contracts.messages.base import Command
from shared.kernel.refusals import Bug
from shared.runtime.bus.base import Wiring
from shared.runtime.bus.topology import Binding, Exchange, exchange_of, topology
from tools.message_schemas import messages

FOUND = topology(
    [Wiring("order", ("voucher.hold", "identity.key")), Wiring("voucher", (), ("order",)), Wiring("catalog", ())]
)
PLATFORM = topology([service.wiring() for service in SERVICES])


def test_a_service_receives_the_commands_and_the_answers_of_its_partners_and_nothing_else() -> None:
    assert [binding for binding in FOUND.bindings if binding.queue.endswith(".commands")] == [
        Binding("order.commands", "yq.voucher.commands", "voucher.to.order"),
        Binding("voucher.commands", "yq.order.commands", "order.to.voucher"),
    ]


def test_a_service_without_partners_has_no_exchange_of_commands_and_no_right_to_one() -> None:
    assert "yq.catalog.commands" not in {exchange.name for exchange in FOUND.exchanges}
    rights = {each.service: each for each in FOUND.rights}
    assert set(rights["catalog"].topics) == {"yq.catalog"}
    assert re.search(rights["catalog"].write, "yq.catalog.commands") is None


def test_the_routing_keys_of_commands_that_each_service_may_use_are_those_of_its_sagas_and_its_answers() -> None:
    keys = {
        rights.service: next((keys for name, keys in rights.topics.items() if name.endswith(".commands")), None)
        for rights in PLATFORM.rights
    }
    assert keys == {
        "identity": None,
        "catalog": None,
        "voucher": r"^(voucher\.to\.order)$",
        "order": r"^(order\.to\.voucher|order\.to\.settlement)$",
        "settlement": r"^(settlement\.to\.order)$",
    }


def test_what_the_broker_allows_on_the_exchanges_of_commands_is_what_it_delivers() -> None:
    bound = {(each.exchange, each.routing_key) for each in PLATFORM.bindings if each.exchange.endswith(".commands")}
    allowed = {
        (exchange, key)
        for rights in PLATFORM.rights
        for exchange, pattern in rights.topics.items()
        for _, key in bound
        if re.search(pattern, key)
    }
    assert allowed == bound


def test_every_command_is_accepted_by_its_target_and_sent_by_a_service() -> None:
    names = {service.name for service in SERVICES}
    accepted = {kind: service.name for service in SERVICES for kind in service.commands()}
    commands = [kind for kind in messages() if issubclass(kind, Command)]
    assert {kind: kind.target() for kind in commands} == accepted
    assert {kind.orchestrator for kind in commands} <= names


def test_no_command_is_bound_by_a_pattern() -> None:
    assert all(set(each.routing_key).isdisjoint("*#") for each in PLATFORM.bindings if ".commands" in each.exchange)


@pytest.mark.parametrize("name", ["#", "order.*", "a.b", "Order", ""])
def test_a_service_whose_name_would_be_a_pattern_has_no_topology(name: str) -> None:
    with pytest.raises(Bug):
        topology([Wiring(name, ())])


def test_a_service_receives_the_streams_it_follows_of_the_services_that_are_deployed() -> None:
    assert [binding for binding in FOUND.bindings if binding.queue == "order.facts"] == [
        Binding("order.facts", "yq.voucher", "voucher.hold.*")
    ]


def test_only_facts_have_an_alternate_exchange() -> None:
    # A broker counts a command that an alternate exchange took as routed, and the command would be lost.
    exchanges = {exchange.name: exchange for exchange in FOUND.exchanges}
    assert exchanges["yq.order"] == Exchange("yq.order", "topic", {"alternate-exchange": "yq.unrouted"})
    assert exchanges["yq.order.commands"] == Exchange("yq.order.commands", "topic")


def test_every_queue_states_its_delivery_limit_and_none_a_length() -> None:
    for queue in FOUND.queues:
        assert queue.arguments["x-queue-type"] == "quorum"
        assert "x-delivery-limit" in queue.arguments
        assert not {"x-max-length", "x-max-length-bytes", "x-message-ttl"} & set(queue.arguments)


def test_what_is_worked_off_dead_letters_at_least_once_into_its_own_service() -> None:
    queues = {queue.name: queue.arguments for queue in FOUND.queues}
    for name in ("order.commands", "order.facts"):
        assert queues[name]["x-dead-letter-exchange"] == "yq.dead"
        assert queues[name]["x-dead-letter-routing-key"] == "order"
        assert queues[name]["x-dead-letter-strategy"] == "at-least-once"
        assert queues[name]["x-overflow"] == "reject-publish"
        assert queues[name]["x-delivery-limit"] == 100
    assert Binding("order.dead", "yq.dead", "order") in FOUND.bindings


def test_every_name_bound_is_declared() -> None:
    queues, exchanges = {queue.name for queue in FOUND.queues}, {exchange.name for exchange in FOUND.exchanges}
    assert all(binding.queue in queues and binding.exchange in exchanges for binding in FOUND.bindings)


def test_an_envelope_finds_its_exchange_by_its_routing_key() -> None:
    assert exchange_of("order", "order.to.voucher") == "yq.order.commands"
    assert exchange_of("order", "order.order.0") == "yq.order"
