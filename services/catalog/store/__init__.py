"""Write SQL of the catalog, split by noun: load for update, save under the row's version."""
