"""Read-only SQL of the catalog and the bodies it answers with."""
