"""Layouts of the files of a Physician Fee Schedule release, as data (CMS record layout RVU25D and the files' own headers)."""

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple, TypeVar

from transforms.errors import StructureError
from transforms.pfs_records import Field, Record
from transforms.read import check_header
from transforms.sources import SourceFile

_Reader = TypeVar("_Reader")
Layout = Mapping[str, str]
"""Header text of each column, in the order of the file, with the column it becomes."""

_BEFORE_PRICING = {
    "HCPCS": "code",
    "MOD": "component",
    "DESCRIPTION": "description",
    "STATUS CODE": "status_code",
    "NOT USED FOR MEDICARE PAYMENT": "is_not_used_for_payment",
    "WORK RVU": "work_rvu",
    "NON-FAC PE RVU": "nonfacility_pe_rvu",
    "NON-FAC NA INDICATOR": "is_rare_in_nonfacility",
    "FACILITY PE RVU": "facility_pe_rvu",
    "FACILITY NA INDICATOR": "is_rare_in_facility",
    "MP RVU": "malpractice_rvu",
    "NON-FACILITY TOTAL": "nonfacility_total_rvu",
    "FACILITY TOTAL": "facility_total_rvu",
    "PCTC IND": "pctc_code",
    "GLOB DAYS": "global_days_code",
    "PRE OP": "preoperative_percent",
    "INTRA OP": "intraoperative_percent",
    "POST OP": "postoperative_percent",
    "MULT PROC": "multiple_procedure_code",
    "BILAT SURG": "bilateral_code",
    "ASST SURG": "assistant_code",
    "CO- SURG": "co_surgeon_code",
    "TEAM SURG": "team_surgeon_code",
}
_AFTER_PRICING = {
    "ENDO BASE": "endoscopic_base_code",
    "CONV FACTOR": "conversion_factor_usd",
    "PHYSICIAN SUPERVISION OF DIAGNOSTIC PROCEDURES": "supervision_code",
    "CALCULATION FLAG": "calculation_flag",
    "DIAGNOSTIC IMAGING FAMILY INDICATOR": "imaging_family_code",
    "NON-FACILITY PE USED FOR OPPS PAYMENT AMOUNT": "opps_nonfacility_pe_rvu",
    "FACILITY PE USED FOR OPPS PAYMENT AMOUNT": "opps_facility_pe_rvu",
    "MP USED FOR OPPS PAYMENT AMOUNT": "opps_malpractice_rvu",
}
RELATIVE_VALUES_2023: Layout = {**_BEFORE_PRICING, **_AFTER_PRICING}
"""The stacked header of the files of 2023, 2024 and 2025: 31 columns."""
RELATIVE_VALUES_2026: Layout = {**_BEFORE_PRICING, "PRIC IND": "pricing_code", **_AFTER_PRICING}
"""The stacked header since 2026: 32 columns."""
RELATIVE_VALUES = (RELATIVE_VALUES_2023, RELATIVE_VALUES_2026)

RELATIVE_VALUES_TEXT = Record(
    (
        Field("code", 1, 5),
        Field("component", 6, 7),
        Field("description", 8, 57),
        Field("status_code", 58, 58),
        Field("is_not_used_for_payment", 59, 59),
        Field("work_rvu", 60, 65),
        Field("nonfacility_pe_rvu", 67, 72),
        Field("is_rare_in_nonfacility", 73, 74),
        Field("facility_pe_rvu", 76, 81),
        Field("is_rare_in_facility", 82, 83),
        Field("malpractice_rvu", 85, 89),
        Field("nonfacility_total_rvu", 91, 96),
        Field("facility_total_rvu", 97, 102),
        Field("pctc_code", 103, 103),
        Field("global_days_code", 104, 106),
        Field("preoperative_percent", 107, 109),
        Field("intraoperative_percent", 110, 112),
        Field("postoperative_percent", 113, 115),
        Field("multiple_procedure_code", 116, 116),
        Field("bilateral_code", 117, 117),
        Field("assistant_code", 118, 118),
        Field("co_surgeon_code", 119, 119),
        Field("team_surgeon_code", 120, 120),
        Field("endoscopic_base_code", 128, 132),
        Field("conversion_factor_usd", 133, 140),
        Field("supervision_code", 142, 143),
        Field("calculation_flag", 144, 144),
        Field("imaging_family_code", 146, 147),
        Field("opps_nonfacility_pe_rvu", 152, 157),
        Field("opps_facility_pe_rvu", 159, 164),
        Field("opps_malpractice_rvu", 166, 171),
    ),
    length=171,
)
"""Record of the text file. CMS's document says 200 characters and omits position 59; the files of 2024 and 2025 are so."""

_LOCALITY = {"Contractor": "contractor_code", "Locality": "locality_code", "Locality Name": "locality_name"}
ANESTHESIA_FACTORS = {
    "Anesthesia CF": "any",
    "Qualifying APM Anesthesia CF": "qualifying",
    "Non-Qualifying APM Anesthesia CF": "non_qualifying",
}
"""Columns of anesthesia factors, as `anesthesia_factor_name` calls them, with the `apm_status` they are for."""
_ONE_FACTOR, _QUALIFYING, _NON_QUALIFYING = ({name: status} for name, status in ANESTHESIA_FACTORS.items())
ANESTHESIA: tuple[Layout, ...] = (
    {**_LOCALITY, **_ONE_FACTOR},
    {**_LOCALITY, **_QUALIFYING, **_NON_QUALIFYING},
    {**_LOCALITY, **_NON_QUALIFYING, **_QUALIFYING},
)
"""One factor per locality until 2025; two since 2026, in the order of the file or the other one."""
ANESTHESIA_TEXT = Record(
    (Field("contractor_code", 1, 5), Field("locality_code", 13, 14), Field("locality_name", 19, 58), Field("any", 74, 77)),
    length=77,
)
"""No header; the name is cut at 40 characters and the factor has two implied decimals."""

_INDEXED = {
    "Medicare Administrative Contractor (MAC)": "contractor_code",
    "State": "state",
    "Locality Number": "locality_code",
    "Locality Name": "locality_name",
}
_PAID_INDICES = {"PW GPCI (with 1.0 Floor)": "work_gpci", "PE GPCI": "pe_gpci", "MP GPCI": "malpractice_gpci"}
INDICES: tuple[Layout, ...] = (
    {**_INDEXED, **_PAID_INDICES},
    {**_INDEXED, "PW GPCI (without 1.0 Floor)": "work_gpci_without_floor", **_PAID_INDICES},
)
"""Header without its years and footnote marks. January files show the work index without the floor of 1.0, too."""
INDICES_TEXT = Record(
    (
        Field("contractor_code", 1, 5),
        Field("state", 17, 18),
        Field("locality_code", 25, 26),
        Field("locality_name", 30, 115),
        Field("work_gpci", 122, 126),
        Field("pe_gpci", 134, 138),
        Field("malpractice_gpci", 146, 150),
    ),
    length=150,
)

_CAPPED = {
    "HCPCS": "code",
    "MOD": "component",
    "PROCSTAT": "status_code",
    "CARRIER": "contractor_code",
    "LOCALITY": "locality_code",
    "FACILITY PRICE": "facility_price_usd",
}
OPPS_CAPS: tuple[Layout, ...] = (
    {**_CAPPED, "NON-FACILTY PRICE": "nonfacility_price_usd"},
    {**_CAPPED, "NON-FACILITY PRICE": "nonfacility_price_usd"},
)
"""The last name is misspelt in the files of 2025 and 2026; the second layout is the first one spelt right."""
OPPS_CAPS_TEXT = Record(
    (
        Field("code", 1, 5),
        Field("component", 6, 7),
        Field("status_code", 9, 9),
        Field("contractor_code", 11, 15),
        Field("locality_code", 18, 19),
        Field("facility_price_usd", 20, 28),
        Field("nonfacility_price_usd", 29, 38),
    ),
    length=38,
)
COUNTIES: tuple[Layout, ...] = (
    {
        "Medicare Administrative Contractor": "contractor_code",
        "Locality Number": "locality_code",
        "State": "state_name",
        "Fee Schedule Area": "fee_schedule_area",
        "Counties": "counties",
    },
)
"""Header of the locality and county file, its misspelt first name put right."""


class FileKind(NamedTuple):
    """A file of a release, known by its name."""

    name: str
    apm_status: str


def kind_of(file: SourceFile) -> FileKind:
    """What a file is, and for which clinicians: since 2026 relative values come as `..._nonQPP` and `..._QPP`.

    Raises StructureError for a name that no kind of file has.
    """
    for name, pattern in _NAMES.items():
        if re.search(pattern, file.name, re.IGNORECASE):
            return FileKind(name, _apm_status(file.name) if name == "relative_values" else "any")
    raise StructureError(
        file.source_file,
        expected="a name with PPRRVU, ANES, GPCI, OPPSCAP or LOCCO",
        found=file.name,
        advice="Give the file the name under which CMS published it.",
    )


_NAMES = {
    "relative_values": "^PPRRVU",
    "anesthesia": "^ANES",
    "indices": "^GPCI",
    "opps_caps": "^OPPSCAP",
    "counties": "LOCCO",
}


def _apm_status(name: str) -> str:
    marked = re.search(r"_(non)?QPP(?![A-Z])", name, re.IGNORECASE)
    if not marked:
        return "any"
    return "non_qualifying" if marked[1] else "qualifying"


def layout_of(found: Sequence[str], layouts: Sequence[Layout], *, source_file: str, line: int) -> Layout:
    """The declared layout with exactly these column names.

    Raises StructureError with the exact difference against the layout that differs in the fewest names.
    """
    nearest = min(layouts, key=lambda layout: (list(layout) != list(found), len(set(layout) ^ set(found))))
    check_header(found, list(nearest), source_file=source_file, line=line)
    return nearest


def anesthesia_factor_name(name: str) -> str:
    """Name of a factor's column without its year and the national factor; another name stays as it is."""
    plain = " ".join(name.split())
    if not re.search(r"\bAn?es(thesia)?\b.*(CF|Conversion Factor)", plain):
        return plain
    status = re.match(r"(Non-)?Qualifying APM ", plain)
    return f"{status[0] if status else ''}Anesthesia CF"


def index_name(name: str) -> str:
    """Name of a column of indices without the year before it and the footnote marks behind it."""
    return re.sub(r"^[0-9]{4} |\*+$", "", " ".join(name.split()))


def county_name(name: str) -> str:
    """Name of a column of the county file, spelt right."""
    return " ".join(name.split()).replace("Adminstrative", "Administrative")


def reader_of(file: SourceFile, readers: Mapping[str, _Reader]) -> _Reader:
    """What reads a file, by the ending of its name. Raises StructureError for another ending."""
    if file.suffix not in readers:
        raise StructureError(
            file.source_file,
            expected=f"a name that ends in {', '.join(readers)}",
            found=file.suffix or "none",
            advice="Take the file in one of these formats.",
        )
    return readers[file.suffix]
