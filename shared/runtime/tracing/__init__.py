"""Which trace a request, a transaction and an event belong to, and the spans that say so."""
