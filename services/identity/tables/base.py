"""What all tables of identity share."""

from shared.runtime.row_security import Of, hidden_rows, own, party_rows
from shared.runtime.tables import attach, new_metadata

METADATA = new_metadata()
RUNTIME = attach(METADATA, decisions=[own("subject_id"), Of("subject_id", "affiliation")])

OF_PARTY = party_rows(own("organisation_id"))
TASK = hidden_rows("the list of tasks is one statement for everybody; only staff have any of these")
