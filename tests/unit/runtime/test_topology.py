"""What the deploy-time job declares, derived from what the services listen to."""

from shared.runtime.bus.base import Wiring
from shared.runtime.bus.topology import Binding, Exchange, exchange_of, topology

FOUND = topology([Wiring("order", ("voucher.hold", "identity.key")), Wiring("voucher", ())])


def test_a_service_receives_the_commands_of_every_service_and_of_itself() -> None:
    assert {binding for binding in FOUND.bindings if binding.queue == "voucher.commands"} == {
        Binding("voucher.commands", "yq.order.commands", "order.to.voucher"),
        Binding("voucher.commands", "yq.voucher.commands", "voucher.to.voucher"),
    }


def test_a_service_receives_the_streams_it_follows_of_the_services_that_are_deployed() -> None:
    assert [binding for binding in FOUND.bindings if binding.queue == "order.facts"] == [
        Binding("order.facts", "yq.voucher", "voucher.hold.*")
    ]


def test_only_facts_have_an_alternate_exchange() -> None:
    # A broker counts a command that an alternate exchange took as routed, and the command would be lost.
    exchanges = {exchange.name: exchange for exchange in FOUND.exchanges}
    assert exchanges["yq.order"] == Exchange("yq.order", "topic", {"alternate-exchange": "yq.unrouted"})
    assert exchanges["yq.order.commands"] == Exchange("yq.order.commands", "direct")


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
