"""What Medicare pays for a line: asks the macro `medicare_payment` and puts its answer into words. Computes nothing itself."""

import re
from datetime import date
from decimal import Decimal
from typing import Any, NamedTuple

import duckdb

from flows.answers import Question, checked, shortened
from flows.release_query import Row, rows
from flows.settings import UnknownNameError

SETTINGS = ("nonfacility", "facility")
APM_STATUSES = ("non_qualifying", "qualifying")
_ASKED = (
    "the_modifiers := $2, in_setting := $3, in_locality := $4, on_date := $5, for_apm := $6, "
    "base_units := $7, minutes := $8, at_induction := $9"
)


class Line(NamedTuple):
    """A line of a claim to be priced by the Medicare fee schedule."""

    code: str
    on: date
    modifiers: tuple[str, ...] = ()
    setting: str = SETTINGS[0]
    locality: str | None = None
    """Contractor and locality such as 10112-00, or a state with one locality; the national amount where none is given."""
    apm_status: str = APM_STATUSES[0]
    base_units: Decimal | None = None
    """Anesthesia base units of the code, which no public file of CMS states."""
    minutes: int | None = None
    """Anesthesia time."""
    is_at_induction: bool = False
    """The supervising physician was present at induction, which counts for modifier AD only."""


def price(connection: duckdb.DuckDBPyConnection, line: Line) -> Row:
    """The amount with every factor, or why there is none. Raises UnknownNameError and NoAnswerError."""
    named = _named(connection, line)
    given = [
        named.code,
        list(named.modifiers),
        named.setting,
        named.locality,
        named.on,
        named.apm_status,
        named.base_units,
        named.minutes,
        named.is_at_induction,
    ]
    (answer,) = rows(connection, f"SELECT * FROM medicare_payment($1, {_ASKED})", given)
    return answer


def in_words(answer: Row) -> str:
    """The answer as lines of text: amount, formula with its numbers, conditions, and where each number stands."""
    place = answer["locality"] if answer["locality_name"] is None else f"{answer['locality']} ({answer['locality_name']})"
    modifiers = f", modifier {answer['modifiers']}" if answer["modifiers"] else ""
    title = f"{answer['code']} ({answer['component']}){modifiers}, {answer['setting']}, {place}, on {answer['service_date']}:"
    parts = [("amount", _amount(answer)), ("because", answer["reason"]), ("provided", answer["condition"])]
    is_priced = answer["amount_usd"] is not None
    parts += [("formula" if is_priced else "fee alone", formula(answer)), ("OPPS cap", _cap(answer)), ("share", _share(answer))]
    parts += [("note", note) for note in answer["notes"]]
    parts += [("source", source) for source in sources(answer)]
    return "\n".join([title, *(f"  {name:<9} {text}" for name, text in parts if text)])


def formula(answer: Row) -> str | None:
    """The fee before modifiers as the published formula with its numbers, none where a number is missing."""
    if answer["fee_usd"] is None:
        return None
    if answer["total_units"] is not None:
        units = [answer["base_units"], answer["time_units"], *([answer["added_units"]] if answer["added_units"] else [])]
        summed = f"({' + '.join(map(plain, units))})"
    else:
        summed = _weighted(answer, answer["pe_rvu"], answer["malpractice_rvu"])
    return f"{summed} x {plain(answer['conversion_factor_usd'])} = {answer['fee_usd']} USD"


def sources(answer: Row) -> list[str]:
    """Who says so: file and line of each number, and the rule on the modifier."""
    status = f"relative values and status {answer['status_code']}"
    found = [_located(status, answer["indicator_file"], answer["indicator_row"])]
    found.append(_located("geographic indices", answer["gpci_file"], answer["gpci_row"]))
    found.append(_located("conversion factor", answer["factor_file"], answer["factor_row"]))
    found.append(_located(f"rule {answer['rule_id']}", answer["rule_file"], answer["rule_row"]))
    return [text for text in found if text]


def plain(number: Decimal) -> str:
    """A number without the zeros that say nothing."""
    return f"{number.normalize():f}"


def _named(connection: duckdb.DuckDBPyConnection, line: Line) -> Line:
    """The line with its names as the release spells them."""
    modifiers = tuple(part for given in line.modifiers for part in re.split(r"[^0-9A-Z]+", given.upper()) if part)
    asked = Question(line.code, "medicare", line.on)
    for modifier in modifiers:
        checked(connection, asked._replace(modifier=modifier))
    setting = re.sub(r"[^a-z]", "", line.setting.lower())
    _one_of("setting", setting, SETTINGS)
    _one_of("APM status", line.apm_status, APM_STATUSES)
    locality = None if line.locality is None else line.locality.strip().upper()
    if locality is not None and not re.fullmatch(r"[A-Z]{2}|[0-9]{5}[^0-9A-Z]*[0-9]{2}", locality):
        expected = "contractor and locality such as 10112-00, or a state such as AL"
        raise UnknownNameError(f"Unknown locality '{shortened(line.locality or '')}': expected {expected}.")
    return line._replace(code=checked(connection, asked).code, modifiers=modifiers, setting=setting, locality=locality)


def _one_of(what: str, value: str, names: tuple[str, ...]) -> None:
    if value not in names:
        raise UnknownNameError(f"Unknown {what} '{shortened(value)}': expected one of {', '.join(names)}.")


def _amount(answer: Row) -> str:
    status = str(answer["payment_status"])
    rates = f" (rates of {answer['release_id']})" if answer["is_stale"] else ""
    return f"{answer['amount_usd']} USD{rates}" if answer["amount_usd"] is not None else status


def _weighted(answer: Row, practice: Decimal, malpractice: Decimal) -> str:
    pairs = ((answer["work_rvu"], "work_gpci"), (practice, "pe_gpci"), (malpractice, "malpractice_gpci"))
    return f"[{' + '.join(f'{value} x {plain(answer[index])}' for value, index in pairs)}]"


def _cap(answer: Row) -> str | None:
    if answer["opps_cap_usd"] is None:
        return None
    summed = _weighted(answer, answer["opps_pe_rvu"], answer["opps_malpractice_rvu"])
    lower = "; the lower amount is paid" if answer["fee_usd"] is not None else ""
    return f"{summed} x {plain(answer['conversion_factor_usd'])} = {answer['opps_cap_usd']} USD{lower}"


def _share(answer: Row) -> str | None:
    percent: Any = answer["effect_percent"]
    if percent is None or percent == 100:  # noqa: PLR2004 - the whole
        return None
    base = answer["opps_cap_usd"] if answer["is_capped"] else answer["fee_usd"]
    return f"{plain(percent)} % of {base} USD, rounded once at the end = {answer['amount_usd']} USD"


def _located(what: str, file: str | None, row: int | None) -> str | None:
    if file is None:
        return None
    return f"{what}: {file}" + (f" line {row}" if row is not None else "")
