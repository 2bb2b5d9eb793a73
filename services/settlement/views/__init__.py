"""Read-only SQL of settlement. A `provider_id` of None reads everybody's rows, and is given to staff only."""
