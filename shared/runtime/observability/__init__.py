"""What a process shows of itself: health, metrics, audits and logs. See ADR 0014."""
