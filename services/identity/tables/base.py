"""What all tables of identity share."""

from shared.runtime.tables import Of, attach, hidden_rows, new_metadata, own, party_rows

METADATA = new_metadata()
RUNTIME = attach(METADATA, decisions=[own("subject_id"), Of("subject_id", "affiliation"), Of("subject_id", "account")])

OF_PARTY = party_rows(own("organisation_id"))
TASK = hidden_rows("the list of tasks is one statement for everybody; only staff have any of these")
