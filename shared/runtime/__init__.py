"""The technical core: one transaction, one consumer, one relay, one host."""
