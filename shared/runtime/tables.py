"""The door to table definitions: the runtime's own tables and columns, and which rows a party may see.

Behind it are `database.tables` and `database.row_security`.
"""

from shared.runtime.database.row_security import Of, Where, hidden_rows, own, party_rows, public_rows, staff_rows
from shared.runtime.database.tables import APPEND_ONLY, attach, moment, new_metadata

__all__ = [
    "APPEND_ONLY",
    "Of",
    "Where",
    "attach",
    "hidden_rows",
    "moment",
    "new_metadata",
    "own",
    "party_rows",
    "public_rows",
    "staff_rows",
]
