"""Write SQL of identity, split by aggregate."""
