"""The same tables in plain pandas, as one would write them first: read as text, clean, check, Parquet and DuckDB.

A side of `bench.sources`; it runs in an environment with bench/peers/requirements.txt and without the project's packages.
It binds to line numbers and column positions, and a row that breaks a check stops it.
"""
# mypy: disable-error-code="import-not-found, import-untyped"

import argparse
import csv
import io
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from xml.etree import ElementTree as ET

import duckdb
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from bench.peers.pandas_tables import CODE, SPECS, TableSpec

PFS_COLUMNS = [
    "code", "component", "description", "status_code", "is_not_used_for_payment", "work_rvu", "nonfacility_pe_rvu",
    "is_rare_in_nonfacility", "facility_pe_rvu", "is_rare_in_facility", "malpractice_rvu", "nonfacility_total_rvu",
    "facility_total_rvu", "pctc_code", "global_days_code", "preoperative_percent", "intraoperative_percent",
    "postoperative_percent", "multiple_procedure_code", "bilateral_code", "assistant_code", "co_surgeon_code",
    "team_surgeon_code", "endoscopic_base_code", "conversion_factor_usd", "supervision_code", "calculation_flag",
    "imaging_family_code", "opps_nonfacility_pe_rvu", "opps_facility_pe_rvu", "opps_malpractice_rvu",
]  # fmt: skip

HCPCS_FIELDS = {
    "code": (0, 5), "sequence": (5, 10), "record": (10, 11), "description": (11, 91), "short_description": (91, 119),
    "price_1_code": (119, 121), "price_2_code": (121, 123), "price_3_code": (123, 125), "price_4_code": (125, 127),
    "multiple_pricing_code": (127, 128), "cim_1": (128, 134), "cim_2": (134, 140), "cim_3": (140, 146), "mcm_1": (146, 154),
    "mcm_2": (154, 162), "mcm_3": (162, 170), "statute": (170, 180), "lab_1": (180, 183), "lab_2": (183, 186),
    "lab_3": (186, 189), "lab_4": (189, 192), "lab_5": (192, 195), "lab_6": (195, 198), "lab_7": (198, 201),
    "lab_8": (201, 204), "cross_reference_1": (204, 209), "cross_reference_2": (209, 214), "cross_reference_3": (214, 219),
    "cross_reference_4": (219, 224), "cross_reference_5": (224, 229), "coverage_code": (229, 230),
    "asc_group_code": (230, 232), "asc_date_text": (232, 240), "outpatient_group_code": (240, 243),
    "outpatient_policy_code": (243, 244), "opps_date_text": (244, 252), "processing_note_code": (252, 256),
    "betos_code": (256, 259), "type_of_service_1_code": (260, 261), "type_of_service_2_code": (261, 262),
    "type_of_service_3_code": (262, 263), "type_of_service_4_code": (263, 264), "type_of_service_5_code": (264, 265),
    "anesthesia_base_unit_count": (265, 268), "add": (268, 276), "act": (276, 284), "term": (284, 292),
    "action_code": (292, 293),
}  # fmt: skip
HCPCS_FIELDS_UNUSED = ["sequence", "record", "description", "short_description"]
HCPCS_DATES = {
    "added_date": "add", "action_effective_date": "act", "termination_date": "term", "asc_date": "asc_date_text",
    "outpatient_group_date": "opps_date_text",
}  # fmt: skip
HCPCS_LISTS = {
    "coverage_issues_sections": "cim_1 cim_2 cim_3",
    "carriers_manual_sections": "mcm_1 mcm_2 mcm_3",
    "laboratory_certifications": "lab_1 lab_2 lab_3 lab_4 lab_5 lab_6 lab_7 lab_8",
}


def main() -> None:
    """Every table, one after the other."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--raw", type=Path, required=True)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--threads", type=int, default=2)
    given = parser.parse_args()
    with duckdb.connect(str(given.output / "tables.duckdb"), config={"threads": given.threads}) as connection:
        for spec in SPECS:
            rows = READERS[spec.name](given.raw)
            check(rows, spec)
            typed = to_arrow(rows, spec)
            pq.write_table(typed, given.output / "parquet" / f"{spec.name}.parquet", compression="zstd", compression_level=3)
            connection.execute(f"CREATE TABLE {spec.name} AS SELECT * FROM typed")


def check(rows: pd.DataFrame, spec: TableSpec) -> None:
    """Stop where a cell is empty, no member of its vocabulary or in the wrong shape, or where the key occurs twice."""
    for column in spec.schema.names:
        if column not in spec.nullable.split() and rows[column].isna().any():
            raise ValueError(f"{spec.name}.{column} is empty in {rows[column].isna().sum()} rows")
    for column, values in spec.values.items():
        if not (wrong := rows[~rows[column].isin(values.split())]).empty:
            raise ValueError(f"{spec.name}.{column}: {wrong[column].unique()[:5]}")
    for column, pattern in spec.patterns.items():
        if not (wrong := rows[rows[column].notna() & ~rows[column].str.fullmatch(pattern)]).empty:
            raise ValueError(f"{spec.name}.{column}: {wrong[column].unique()[:5]}")
    if rows.duplicated(spec.key.split()).any():
        raise ValueError(f"{spec.name}: the key {spec.key} occurs twice")


def to_arrow(rows: pd.DataFrame, spec: TableSpec) -> pa.Table:
    """The declared columns in the declared types; money goes from its text straight to a decimal."""
    return pa.Table.from_pandas(rows[spec.schema.names], preserve_index=False).cast(spec.schema)


def releases(raw: Path, source: str) -> list[Path]:
    """Release folders of a source."""
    return sorted(path for path in (raw / source).iterdir() if path.is_dir())


def files(release: Path, *patterns: str) -> Iterator[tuple[str, bytes]]:
    """Path and bytes of the files that fit a pattern, in the folder or in its zip archives."""
    for path in sorted(release.iterdir()):
        where = f"{release.parent.name}/{release.name}/{path.name}"
        if path.suffix.lower() == ".zip":
            with zipfile.ZipFile(path) as archive:
                for name in archive.namelist():
                    if any(Path(name).match(pattern) for pattern in patterns):
                        yield f"{where}/{name}", archive.read(name)
        elif any(path.match(pattern) for pattern in patterns):
            yield where, path.read_bytes()


def quarter(release_id: str) -> dict[str, pd.Timestamp]:
    """First and last day of the quarter that begins with the release's month."""
    first = pd.Timestamp(f"{release_id}-01")
    return {"valid_from": first, "valid_to": first + pd.DateOffset(months=3, days=-1)}


def pfs_indicator(raw: Path) -> pd.DataFrame:
    """Relative value files; each release stands for its quarter."""
    parts = []
    for release in releases(raw, "cms_pfs"):
        for name, content in files(release, "PPRRVU*.csv"):
            cells = pd.read_csv(
                io.BytesIO(content), skiprows=10, header=None, names=PFS_COLUMNS, dtype=str, keep_default_na=False
            )
            cells = cells[cells["code"].str.strip() != "\x1a"]
            parts.append(cells.assign(release_id=release.name, source_file=name, **quarter(release.name)))
    rows = pd.concat(parts).apply(lambda column: column.str.strip() if column.dtype == "str" else column)
    rows["code_system"] = code_system(rows["code"])
    rows["component"] = rows["component"].replace("", "global")
    rows["pricing_code"] = None
    rows["endoscopic_base_code"] = rows["endoscopic_base_code"].replace("", None)
    for flag in ("is_not_used_for_payment", "is_rare_in_nonfacility", "is_rare_in_facility"):
        rows[flag] = rows[flag].map({"": False, "+": True, "NA": True})
    for share in ("preoperative_percent", "intraoperative_percent", "postoperative_percent"):
        rows[share] = (rows[share].astype(float) * 100).round(2)
    return rows


def code_system(codes: pd.Series) -> pd.Series:
    """A leading letter is HCPCS Level II, everything else CPT."""
    return codes.str[0].str.isalpha().map({True: "HCPCS", False: "CPT"})


def hcpcs_code(raw: Path) -> pd.DataFrame:
    """HCPCS files of several releases as rows over time: a row holds until a release says something else."""
    parts = []
    for release in releases(raw, "cms_hcpcs"):
        for name, content in files(release, "HCPC*ANWEB*.txt", "*_anweb.xlsx"):
            stream = io.BytesIO(content)
            if name.endswith(".xlsx"):
                cells = pd.read_excel(
                    stream, skiprows=11, header=None, names=list(HCPCS_FIELDS), dtype=str, keep_default_na=False
                )
            else:
                cells = pd.read_fwf(
                    stream, colspecs=list(HCPCS_FIELDS.values()), names=list(HCPCS_FIELDS), dtype=str, keep_default_na=False,
                    encoding="latin-1",
                )  # fmt: skip
            first = pd.Timestamp(f"{release.name}-01")
            parts.append(cells[cells["record"] == "3"].assign(release_id=release.name, source_file=name, valid_from=first))
    rows = pd.concat(parts, ignore_index=True)
    texts = [name for name in HCPCS_FIELDS if name != "description"]
    rows[texts] = rows[texts].apply(lambda column: column.str.strip()).replace("", None)
    rows["statute"] = rows["statute"].str.replace(r"\s+", " ", regex=True)
    rows["code_system"] = code_system(rows["code"])
    shifted = rows["asc_group_code"].isin(["19", "20"])  # a date that stands two places too far left
    rows.loc[shifted, "asc_date_text"] = rows["asc_group_code"] + rows["asc_date_text"]
    rows.loc[shifted, "asc_group_code"] = None
    rows["act"] = rows["act"].where(rows["act"].notna() | (rows["action_code"] != "N"), rows["add"])
    for day, text in HCPCS_DATES.items():
        rows[day] = pd.to_datetime(rows[text], format="%Y%m%d")
    rows["anesthesia_base_unit_count"] = rows["anesthesia_base_unit_count"].astype("Int64")
    for joined, fields in HCPCS_LISTS.items():
        cells = rows[fields.split()].fillna("").to_numpy()
        rows[joined] = pd.Series([";".join(filter(None, row)) or None for row in cells], index=rows.index, dtype="str")
    return over_time(rows)


def over_time(rows: pd.DataFrame) -> pd.DataFrame:
    """Rows of consecutive releases that say the same of a code as one row, closed the day before a release that does not."""
    days = sorted(rows["valid_from"].unique())
    rows = rows.sort_values(["code_system", "code", "valid_from"])
    place = rows["valid_from"].map({day: number for number, day in enumerate(days)})
    says = rows.drop(columns=["valid_from", "release_id", "source_file", *HCPCS_FIELDS_UNUSED])
    same = (says.eq(says.shift()) | (says.isna() & says.shift().isna())).all(axis=1)
    run = (~same | (place != place.shift() + 1)).cumsum()
    last = place.groupby(run).transform("last")
    ends = last.map({number: following - pd.Timedelta(days=1) for number, following in enumerate(days[1:])})
    return rows.assign(valid_to=ends)[~run.duplicated()]


def ncci_ptp(raw: Path) -> pd.DataFrame:
    """Pairs of codes; further edits of a pair from the same date are numbered by their deletion dates."""
    names = ["column_one_code", "column_two_code", "prior", "valid_from", "valid_to", "modifier_indicator", "rationale"]
    parts = []
    for release in releases(raw, "cms_ncci"):
        for name, content in files(release, "ccipra*.[tT][xX][tT]"):
            cells = pd.read_csv(
                io.BytesIO(content), sep="\t", skiprows=6, header=None, names=names, dtype=str, keep_default_na=False,
                quoting=csv.QUOTE_NONE, encoding="cp1252",
            )  # fmt: skip
            parts.append(cells.assign(release_id=release.name, source_file=name))
    rows = pd.concat(parts)
    rows["setting"] = "practitioner"
    rows["valid_from"] = pd.to_datetime(rows["valid_from"], format="%Y%m%d")
    rows["valid_to"] = pd.to_datetime(rows["valid_to"].replace("*", None), format="%Y%m%d")
    rows["is_prior_to_1996"] = rows["prior"] == "*"
    rows["is_ever_in_force"] = rows["modifier_indicator"] != "9"
    pair = ["column_one_code", "column_two_code", "valid_from"]
    rows = rows.sort_values([*pair, "valid_to"])
    rows["edit_number"] = rows.groupby(pair).cumcount() + 1
    if (rows["valid_to"] < rows["valid_from"]).any() or (rows["column_one_code"] == rows["column_two_code"]).any():
        raise ValueError("ncci_ptp: an edit that ends before it starts, or of one code with itself")
    return rows


def ncci_mue(raw: Path) -> pd.DataFrame:
    """Units limits; the file has a copyright notice and a header over several lines."""
    parts = []
    for release in releases(raw, "cms_ncci"):
        for name, content in files(release, "MCR_MUE_Practitioner*.csv"):
            names = ["code", "mue_value", "indicator", "rationale"]
            cells = pd.read_csv(
                io.BytesIO(content), skiprows=2, header=None, names=names, dtype=str, keep_default_na=False, encoding="cp1252"
            )
            parts.append(cells.assign(release_id=release.name, source_file=name, **quarter(release.name)))
    rows = pd.concat(parts).assign(setting="practitioner", valid_to=pd.NaT)
    rows = rows[rows["code"].str.fullmatch(CODE)]
    rows["mue_value"] = rows["mue_value"].astype("int64")
    rows["adjudication_indicator"] = rows["indicator"].str[0]
    rows["adjudication"] = rows["adjudication_indicator"].map({"1": "line", "2": "day_absolute", "3": "day_appealable"})
    return rows


def ncci_addon(raw: Path) -> pd.DataFrame:
    """Add-on codes, whose dates are year and day of the year."""
    parts = []
    for release in releases(raw, "cms_ncci"):
        for name, content in files(release, "AOC*.xlsx"):
            names = [
                "edit_type", "addon_code", "addon_deletion_date", "primary_code", "primary_deletion_date", "valid_from",
                "valid_to", "special_instruction",
            ]  # fmt: skip
            cells = pd.read_excel(io.BytesIO(content), skiprows=2, header=None, names=names, dtype=str, keep_default_na=False)
            parts.append(cells.assign(release_id=release.name, source_file=name))
    rows = pd.concat(parts).apply(lambda column: column.str.strip()).replace("", None)
    for day in ("addon_deletion_date", "primary_deletion_date", "valid_from", "valid_to"):
        rows[day] = pd.to_datetime(rows[day], format="%Y%j")
    rows["primary_kind"] = (rows["primary_code"] == "CCCCC").map({True: "contractor_defined", False: "code"})
    rows["is_ever_in_force"] = rows["valid_to"] != rows["valid_from"]
    return rows


def diagnosis(raw: Path) -> pd.DataFrame:
    """The ICD-10-CM order file; a release holds from the first day of its fiscal year."""
    parts = []
    for release in releases(raw, "cms_icd10cm"):
        for name, content in files(release, "icd10cm_order_[0-9]*.txt"):
            cells = pd.read_fwf(
                io.BytesIO(content), colspecs=[(6, 13), (14, 15), (16, 76), (77, None)], header=None, dtype=str,
                names=["code", "flag", "short_description", "long_description"], keep_default_na=False,
            )  # fmt: skip
            first = pd.Timestamp(year=int(release.name) - 1, month=10, day=1)
            parts.append(cells.assign(release_id=release.name, source_file=name, valid_from=first, valid_to=pd.NaT))
    rows = pd.concat(parts)
    rows["diagnosis_code"] = rows["code"].str.replace(r"^(.{3})(.+)$", r"\1.\2", regex=True)
    rows["is_billable"] = rows["flag"].map({"0": False, "1": True})
    return rows


def taxonomy(raw: Path) -> pd.DataFrame:
    """NUCC's csv file; a release holds from the first day of its half year."""
    parts = []
    for release in releases(raw, "nucc"):
        for name, content in files(release, "nucc_taxonomy_*.csv"):
            cells = pd.read_csv(io.BytesIO(content), dtype=str, keep_default_na=False)
            year, half = release.name.split(".")
            first = pd.Timestamp(year=2000 + int(year), month=7 if half == "1" else 1, day=1)
            parts.append(cells.assign(release_id=release.name, source_file=name, valid_from=first))
    rows = pd.concat(parts).rename(columns={"Code": "taxonomy_code"})
    rows.columns = rows.columns.str.lower().str.replace(" ", "_")
    for column in ("grouping", "classification", "specialization", "display_name", "definition", "notes", "section"):
        rows[column] = rows[column].str.strip().replace("", None)
    nothing = dict.fromkeys(("valid_to", "effective_date", "deactivation_date", "last_modified_date"), pd.NaT)
    return rows.assign(**nothing)


def place_of_service(raw: Path) -> pd.DataFrame:
    """CMS's FHIR code system; remarks about dates are cut off the descriptions."""
    parts = []
    for release in releases(raw, "cms_pos"):
        for name, content in files(release, "*.xml"):
            concepts = ET.fromstring(content).findall("{http://hl7.org/fhir}concept")  # noqa: S314 - the shared files only
            cells = [[part.get("value") for part in concept] for concept in concepts]
            rows = pd.DataFrame(cells, columns=["place_of_service_code", "place_name", "text"], dtype=str)
            parts.append(rows.assign(release_id=release.name, source_file=name, valid_from=pd.Timestamp(release.name)))
    rows = pd.concat(parts).assign(valid_to=pd.NaT, is_facility=None, is_assigned=True)
    text = rows["text"].str.replace(r"\s+", " ", regex=True).str.strip()
    remarks = r"(?i)((?:\s*\([^()]*\beffective\b[^()]*\))+)$"
    rows["effective_note"] = text.str.extract(remarks)[0].str.strip()
    rows["description"] = text.str.replace(remarks, "", regex=True)
    names = rows["place_name"].str.replace(r"\s+", " ", regex=True).str.strip()
    rows["place_name"] = names.str.replace(r" ?([/\u2013-]) ?", r"\1", regex=True).str.replace("\u2013", "-").str.rstrip("*")
    return rows


READERS: dict[str, Callable[[Path], pd.DataFrame]] = {
    "pfs_indicator": pfs_indicator,
    "hcpcs_code": hcpcs_code,
    "ncci_ptp": ncci_ptp,
    "ncci_mue": ncci_mue,
    "ncci_addon": ncci_addon,
    "diagnosis": diagnosis,
    "taxonomy": taxonomy,
    "place_of_service": place_of_service,
}

if __name__ == "__main__":
    main()
