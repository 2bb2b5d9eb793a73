"""The door to the database: connections, statements, pages of lists, and rows written with the transaction.

Behind it are `database` and the declared tables of `unit_of_work`.
"""

from shared.runtime.database.paging import Place, read_page
from shared.runtime.database.sql import Connection, DriverConnection, Record, execute, fetch_all, fetch_one, fetch_value
from shared.runtime.unit_of_work.rows import WAS, Insert, Rows, Stamp, Update

__all__ = [
    "WAS",
    "Connection",
    "DriverConnection",
    "Insert",
    "Place",
    "Record",
    "Rows",
    "Stamp",
    "Update",
    "execute",
    "fetch_all",
    "fetch_one",
    "fetch_value",
    "read_page",
]
