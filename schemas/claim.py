"""Lines of claims and what is found about them. No release holds them: `payref check` reads the ones and writes the others."""

from typing import NamedTuple

import polars as pl

from schemas.base import Table, TableFacts, column
from schemas.vocabulary import DISPOSITIONS, PAYERS

MODIFIERS = ("modifier_1", "modifier_2", "modifier_3", "modifier_4")
REQUIRED = ("claim", "line", "payer", "code", "units", "service_date")
"""Columns that a claim file must have."""
OPTIONAL = (*MODIFIERS, "state", "line_of_business", "place_of_service", "diagnosis")
OTHER_NAMES = {
    "claim": ("claimid", "claimno", "claimnumber", "claimnum", "clm"),
    "line": ("lineid", "lineno", "linenumber", "linenum", "ln"),
    "payer": ("payor", "payername", "insurer", "insurance", "carrier"),
    "code": ("cpt", "cptcode", "hcpcs", "hcpcscode", "procedure", "procedurecode", "proc", "proccode"),
    "units": ("unit", "qty", "quantity", "unitsofservice"),
    "service_date": ("dos", "date", "dateofservice", "servicefrom", "fromdate"),
    "modifier_1": ("mod", "mods", "modifier", "modifiers"),
    "state": ("st", "statecode"),
    "line_of_business": ("lob", "product"),
    "place_of_service": ("pos", "poscode", "place"),
    "diagnosis": ("dx", "dxcode", "diag", "diagcode", "icd", "icdcm", "icdcode", "diagnoses", "diagnosiscode"),
}
"""What other programs call the columns, in small letters and figures alone. Nothing is read by them: the reader is asked."""
CLAIM_SEVERITIES = ("refused", "error", "warning", "unknown", "info")
"""From the gravest. `error` only where the payer, or CMS for Medicare, published it; `unknown` where nobody did."""
LONGEST_LINE = 100_000
"""Characters of a line of a CSV file; no claim needs so many, and a longer line is a file without line breaks."""
MOST_LINES = 999
"""Lines of a claim in the widest form of X12's 837; more are several claims under one number."""


class CheckRule(NamedTuple):
    """A kind of finding, and its sentence with names of parts in braces."""

    rule_id: str
    sentence: str
    if_unknown: str = ""
    """Added where the severity is `unknown`."""


class Advice(NamedTuple):
    """What a value looks like that is not written as expected. It guesses no value: it says what to do about the column."""

    column_name: str
    """`service_date`, `code`, `modifier` or `place_of_service`."""
    pattern: str
    """Of the whole value; without anchors."""
    says: str


_NUMBER = "looks like a number from a spreadsheet: format the column as text"
ADVICE = (
    Advice(
        "service_date",
        r"([0-9]{1,2}[/.-][0-9]{1,2}[/.-][0-9]{4}|[0-9]{1,2}/[0-9]{1,2}/[0-9]{2})( [0-9:.]{1,16}( [AaPp][Mm])?)?",
        "looks like month/day/year or day/month/year: write the year first",
    ),
    Advice(
        "service_date",
        r"[0-9]{5}(\.[0-9]{1,16})?",
        "looks like a spreadsheet's day number: format the column as a date",
    ),
    Advice("service_date", r"[0-9]{4}-[0-9]{2}-[0-9]{2}|[0-9]{8}", "is no day of the calendar, read as year, month and day"),
    Advice(
        "service_date",
        r"[0-9]{4}[/.-][0-9]{1,2}[/.-][0-9]{1,2}",
        "has the year first: write month and day in two figures each, with hyphens between",
    ),
    Advice("service_date", r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9:.Z+-]{1,32}", "carries a time of day: write the day without it"),
    Advice(
        "service_date",
        r"1970-01-01 [+-][0-9]{1,20} days",
        "lies outside the years 1 to 9999 and may be infinity or in another unit of time: write the day of the service",
    ),
    Advice(
        "code",
        r"[1-9][0-9]{0,3}",
        "may have lost leading zeros: a spreadsheet drops them, and CPT codes have five characters, such as 00406",
    ),
    Advice("code", r"[0-9]{1,5}\.0+", _NUMBER),
    Advice(
        "code",
        r"[0-9A-Z]{5}([ ,;/-]+[0-9A-Z]{2}){1,4}",
        "looks like a code with modifiers: write those in modifier_1 to modifier_4",
    ),
    Advice("modifier", r"[0-9]{1,2}\.0+", _NUMBER),
    Advice(
        "modifier",
        r"[0-9A-Z]{2}([ ,;/|-]+[0-9A-Z]{2})+",
        "looks like several modifiers: write one a column, in modifier_1 to modifier_4",
    ),
    Advice("place_of_service", r"[0-9]", "may have lost a leading zero: a spreadsheet drops it, and CMS writes 02, not 2"),
    Advice("place_of_service", r"[0-9]{1,2}\.0+", _NUMBER),
)
"""The first whose pattern fits is said."""
_NOBODY = " {unpublished}{beside}"
"""That no published rule of the payer is known; for others than Medicare, that Medicare's answer is shown beside."""
_OF_OTHERS = "{others}"
"""As `_NOBODY`, and nothing where Medicare itself is asked: Medicare published the rule, and only a line was not read."""
CHECK_RULES = (
    CheckRule("line.refused", "{detail}"),
    CheckRule("line.repeated", "Line {value} of claim {other} comes again."),
    CheckRule(
        "payer.unknown",
        "'{value}' means none of the five payers for certain, by any alias known here: {detail} So no payer's rules were asked; "
        "Medicare's answers are shown beside. How a name is read: payref payers resolve NAME.",
    ),
    CheckRule("payer.licensee_open", "Only what holds for every licensee was asked: {detail}"),
    CheckRule(
        "code.malformed", "'{value}' is no CPT or HCPCS code: expected five characters such as 99213, J1100 or 0001F.{detail}"
    ),
    CheckRule("code.unknown", "No source of this release lists the code {value}."),
    CheckRule("code.not_in_force", "No source lists the code {value} on {day}; {detail}"),
    CheckRule("modifier.malformed", "'{value}' is no modifier: expected two figures or capital letters.{detail}"),
    CheckRule("modifier.unknown", "No source of this release lists the modifier {value}."),
    CheckRule("modifier.not_in_force", "The modifier {value} is not in force on {day}: {detail}."),
    CheckRule("place_of_service.unknown", "CMS lists no place of service {value} on {day}.{detail}"),
    CheckRule("diagnosis.unknown", "ICD-10-CM lists no diagnosis {value} on {day}."),
    CheckRule("modifier.not_allowed", "Modifier {value} is not allowed with {code}: {detail}", _NOBODY),
    CheckRule("modifier.not_paid", "{code} with modifier {value} is not paid: {detail}", _NOBODY),
    CheckRule("modifier.not_applicable", "Modifier {value} has nothing to act on with {code}: {detail}", _NOBODY),
    CheckRule("modifier.not_published", "Modifier {value} with {code}: {detail}", "{beside}"),
    CheckRule("modifier.documentation", "Modifier {value} with {code} needs documentation: {detail}"),
    CheckRule("modifier.effect", "Modifier {value} changes what {code} is paid: {detail}"),
    CheckRule("modifier.visits_only", "Modifier {value} belongs on visits, and {code} is none: {detail}", _NOBODY),
    CheckRule("modifier.multiple_on_add_on", "Modifier {value} stands on the add-on code {code}: {detail}", _NOBODY),
    CheckRule("modifiers.repeated", "Modifier {value} stands more than once on the line; it was judged once."),
    CheckRule("modifiers.exclusive", "Modifiers {value} exclude each other on one line: {detail}", _NOBODY),
    CheckRule("modifiers.exclusive_on_claim", "Modifiers {value} exclude each other on one claim for {code}: {detail}", _NOBODY),
    CheckRule("modifiers.position", "Modifier {value} stands before {other}, which belongs first: {detail}", _NOBODY),
    CheckRule("anesthesia.no_performer", "{code} needs one of the modifiers {value}: {detail}", _NOBODY),
    CheckRule("anesthesia.two_performers", "Modifiers {value} name more than one performer: {detail}", _NOBODY),
    CheckRule(
        "ncci.pair_never", "{value} is denied beside {other} on one claim and day, and no modifier bypasses that.", _NOBODY
    ),
    CheckRule(
        "ncci.pair_without_modifier",
        "{value} is denied beside {other} on one claim and day without an NCCI-associated modifier. {detail}",
        _NOBODY,
    ),
    CheckRule(
        "ncci.pair_bypassed", "{value} is paid beside {other} because of modifier {detail}, which the record must justify."
    ),
    CheckRule("ncci.pair_open", "Whether modifier {detail} on {other} lets {value} be paid beside it is not published."),
    CheckRule("ncci.pair_contradictory", "The table lists edits of {value} beside {other} for that day, and they differ."),
    CheckRule("units.over_limit_of_line", "{value} {other} on a line, and the limit is {limit}: {detail}", _NOBODY),
    CheckRule("units.over_limit_of_day", "{value} {other} on the day, and the limit is {limit}: {detail}", _NOBODY),
    CheckRule(
        "addon.without_primary",
        "The add-on code {value} has none of its primary codes on the claim and day{other}.",
        _OF_OTHERS,
    ),
    CheckRule("addon.primary_open", "No listed primary code of {value} on the claim and day, but contractors may choose others."),
)


class ClaimFinding(Table):
    """What `payref check` finds about the lines of a claim file."""

    source_row: pl.Int64 = column(
        "Line of the CSV file, the header being 1; row of a Parquet file, the first being 1.", at_least=1
    )
    claim: str = column("Number of the claim.", nullable=True, free_text=True)
    line: str = column("Number of the line.", nullable=True, free_text=True)
    rule_id: str = column("Kind of finding.", values=tuple(rule.rule_id for rule in CHECK_RULES))
    severity: str = column("How grave it is.", values=CLAIM_SEVERITIES)
    column_name: str = column("Column at fault; `modifiers` for several of them, `*` for the whole line.")
    value: str = column("Value at fault.", nullable=True, free_text=True)
    sentence: str = column("What was found, in one sentence.", free_text=True)
    effect_percent: pl.Decimal(7, 2) = column("Share of the allowed amount paid.", unit="percent", nullable=True, at_least=0)
    effect_units: pl.Decimal(18, 3) = column("Units paid at most, or anesthesia units added.", unit="units", nullable=True)
    effect_formula: str = column("Formula where neither a percentage nor units say it.", nullable=True, free_text=True)
    medicare_disposition: str = column("Medicare's own answer.", nullable=True, values=DISPOSITIONS)
    medicare_effect_percent: pl.Decimal(7, 2) = column("Medicare's percentage.", unit="percent", nullable=True, at_least=0)
    payer_id: str = column("Payer that the name means; empty where it means none for certain.", nullable=True, values=PAYERS)
    answer_rule_id: str = column("Rule of `modifier_rule` or set of `modifier_group` that answers.", nullable=True)
    related_row: pl.Int64 = column("Another line concerned, as source_row.", nullable=True)
    is_stale: bool = column("The day lies after the last day of the release that answers.")
    citation: str = column("Who says so: title, publisher and place, or file and line.", nullable=True, free_text=True)

    class Config:
        """Facts about the table."""

        name = "claim_finding"
        metadata = {
            "facts": TableFacts("claims", "finding", ("source_row", "rule_id", "column_name"), "CC0-1.0", (0, 1_000_000_000))
        }
