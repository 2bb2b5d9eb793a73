"""From the outbox to the bus and from the bus to a handler: relay, consumer, order of facts."""
