"""Free text to codes, modifiers and payers: asks the macro `search`."""

import duckdb

from flows.release_query import Row, rows
from flows.settings import NoAnswerError, UnknownNameError

KINDS = ("code", "modifier", "payer", "organization")
MOST_ROWS = 500


def search(connection: duckdb.DuckDBPyConnection, text: str, *, kinds: list[str] | None = None, limit: int = 20) -> list[Row]:
    """What comes closest to a text, the best first. Raises UnknownNameError, and NoAnswerError for a release without words."""
    unknown = [kind for kind in kinds or () if kind not in KINDS]
    if unknown:
        raise UnknownNameError(f"Unknown kind '{unknown[0]}': expected one of {', '.join(KINDS)}.")
    if not text.strip():
        raise UnknownNameError("The text to search for is empty.")
    try:
        return rows(connection, "SELECT * FROM search($1, max_rows := $2, as_kind := $3)", [text, limit, kinds or None])
    except duckdb.CatalogException as error:
        raise NoAnswerError("This release cannot be searched. Refresh once with --force.") from error
