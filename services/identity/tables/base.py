"""What all tables of identity share."""

from shared.runtime.tables import attach, new_metadata

METADATA = new_metadata()
RUNTIME = attach(METADATA)
