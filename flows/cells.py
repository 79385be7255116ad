"""Cells of CSV for spreadsheets."""

from typing import Any

FORMULA_STARTS = "=+-@\t\r\n\uff1d\uff0b\uff0d\uff20"
"""Signs that start a formula; the full-width ones do too."""


def harmless(value: Any) -> Any:
    """A cell; a text that a spreadsheet would run as a formula gets an apostrophe in front."""
    return f"'{value}" if isinstance(value, str) and value.startswith(tuple(FORMULA_STARTS)) else value
