"""What a service shows of itself: readiness, metrics, traces, and the context that its logs carry. See ADR 0014."""
