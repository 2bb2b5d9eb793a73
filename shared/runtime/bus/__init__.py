"""The message bus: one port, two backends (memory and RabbitMQ), one contract suite."""
