"""Codes and what text pages say about them."""

import polars as pl

from schemas.base import KNOWN_FROM, OF_ITS_TEXTS, Cited, Table, TableFacts, column
from schemas.vocabulary import BEGINNING, CODE_PATTERN, CODE_SYSTEMS, DIAGNOSIS_PATTERN, SECTIONS

_SOURCE_FILE = "Path of the raw file below raw/."


class Code(Table):
    """Billing codes known to this release, with the dates of the sources that list them."""

    code_system: str = column("CPT for HCPCS Level I, HCPCS for Level II.", values=CODE_SYSTEMS)
    code: str = column("The code as text, leading zeros kept.", pattern=CODE_PATTERN)
    valid_from: pl.Date = column("First service date on which a source lists the code.")
    valid_to: pl.Date = column("Last service date on which one does; empty is still listed.", nullable=True)
    known_from: pl.Date = column(KNOWN_FROM, nullable=True)
    section: str = column("Section of the code set.", values=SECTIONS)
    copyright_holder: str = column("Who owns the code's descriptor.", values=("AMA", "ADA", "CMS"))
    source_file: str = column(_SOURCE_FILE, references="raw_file.source_file")

    class Config:
        """Facts about the table."""

        name = "code"
        unique = ["code_system", "code", "valid_from"]
        metadata = {
            "facts": TableFacts("codes", "code and validity", ("code_system", "code", "valid_from"), "US-GOV", (100, 60_000))
        }


class CodeListing(Table):
    """Which source lists which code when; `code` is made of it."""

    source: str = column("The source.")
    code_system: str = column("CPT or HCPCS.", values=CODE_SYSTEMS)
    code: str = column("The code.", pattern=CODE_PATTERN, references="code.code")
    valid_from: pl.Date = column("First service date: the code's own, or the first day of the first release that lists it.")
    valid_to: pl.Date = column(
        "Last service date: the code's own, or the day before the first release that no longer lists it.", nullable=True
    )
    known_from: pl.Date = column(KNOWN_FROM, nullable=True)
    action_code: str = column("What the source last did to the code, as it says it.", nullable=True, pattern=r"^[A-Z]$")
    release_id: str = column("Release that first said so.")
    source_file: str = column(_SOURCE_FILE, references="raw_file.source_file")
    source_row: pl.Int64 = column("Line of the file.", at_least=1)

    class Config:
        """Facts about the table."""

        name = "code_listing"
        unique = ["source", "code_system", "code", "valid_from"]
        metadata = {
            "facts": TableFacts(
                "codes", "source, code and validity", ("source", "code_system", "code", "valid_from"), "US-GOV", (100, 1_000_000)
            )
        }


class CodeSection(Cited):
    """Sections of HCPCS Level I and II as ranges of codes; every code falls into exactly one."""

    section: str = column("Section of the code set.", values=SECTIONS)
    code_from: str = column("First code, or its four digits where a suffix letter follows.", pattern=r"^[0-9A-Z][0-9]{3,4}$")
    code_to: str = column("Last code, or its four digits where a suffix letter follows.", pattern=r"^[0-9A-Z][0-9]{3,4}$")
    suffix: str = column("Letter after four digits; empty for five-digit and Level II codes.", nullable=True, pattern="^[A-Z]$")
    section_name: str = column("The section in words.", free_text=True)

    class Config:
        """Facts about the table."""

        name = "code_section"
        unique = ["section", "code_from", "suffix"]
        metadata = {"facts": TableFacts("codes", "range of codes", ("section", "code_from", "source_row"), "CC0-1.0", (10, 200))}


class CodeDescription(Table):
    """Texts that describe a code, one row for as long as a source words it so. Licensed texts are absent from an open build."""

    code_system: str = column("CPT or HCPCS.", values=CODE_SYSTEMS)
    code: str = column("The code.", pattern=CODE_PATTERN, references="code.code")
    kind: str = column("What kind of text this is.", values=("short", "long", "official", "plain_language", "overview"))
    source: str = column("The source that words it so; of text pages, the page.")
    valid_from: pl.Date = column(
        f"First day of the first release that words it so; {BEGINNING} for text pages, which have no releases."
    )
    valid_to: pl.Date = column("Day before the first release that words it otherwise; empty is still so worded.", nullable=True)
    known_from: pl.Date = column(KNOWN_FROM, nullable=True)
    description: str = column("The text.", free_text=True)
    copyright_holder: str = column("Who is named as owner of the text, where somebody is.", nullable=True, free_text=True)
    licence: str = column(
        "Licence of the text: AMA and ADA are restricted, third_party and local have unknown terms.",
        values=("AMA", "ADA", "CC0-1.0", "US-GOV", "third_party", "local"),
    )
    release_id: str = column("Release that first worded it so; empty for text pages.", nullable=True)
    source_file: str = column(_SOURCE_FILE, references="raw_file.source_file")

    class Config:
        """Facts about the table."""

        name = "code_description"
        unique = ["code_system", "code", "kind", "source", "valid_from"]
        metadata = {
            "facts": TableFacts(
                "codes",
                "text about a code and validity",
                ("code_system", "code", "kind", "source", "valid_from"),
                "as the column licence",
                (0, 1_000_000),
            )
        }


class CodePage(Table):
    """Text pages that were read, one row each, with what kept them from being complete."""

    source_file: str = column(_SOURCE_FILE, references="raw_file.source_file")
    page_format: str = column("Layout of the page.", values=("analysis", "coding"))
    code_system: str = column("CPT or HCPCS.", values=CODE_SYSTEMS)
    code: str = column("The code the page is about.", pattern=CODE_PATTERN)
    gated_section_count: pl.Int64 = column("Sections hidden behind a registration.", unit="sections", at_least=0)
    is_truncated: bool = column("The page stops before its last section has any content.")
    copyright_holders: str = column("Owners named on the page, separated by semicolons.", nullable=True, free_text=True)

    class Config:
        """Facts about the table."""

        name = "code_page"
        unique = ["source_file"]
        metadata = {"facts": TableFacts("codes", "accepted text page", ("source_file",), "CC0-1.0", (0, 100_000))}


class CodeClaim(Table):
    """What a text page claims about a code: payers, type of service, site, modifiers. Claims are not rules."""

    code_system: str = column("CPT or HCPCS.", values=CODE_SYSTEMS)
    code: str = column("The code.", pattern=CODE_PATTERN, references="code.code")
    kind: str = column("What is claimed.", values=("payer", "service_type", "site_of_service", "modifier", "taxonomy"))
    claim: str = column("The claim as the page words it.", free_text=True)
    resolved: str = column(
        "What the claim means: a payer id, a section, a site, a modifier; empty where unresolved.", nullable=True
    )
    source_file: str = column(_SOURCE_FILE, references="raw_file.source_file")
    source_row: pl.Int64 = column("Line of the page.", at_least=1)

    class Config:
        """Facts about the table."""

        name = "code_claim"
        unique = ["code_system", "code", "kind", "claim", "source_file"]
        metadata = {
            "facts": TableFacts(
                "codes", "claim of a page", ("code_system", "code", "kind", "claim", "source_file"), OF_ITS_TEXTS, (0, 1_000_000)
            )
        }


class CodeRelation(Table):
    """Codes that a source relates to each other, with the count of units that separates them where it says so."""

    code_system: str = column("CPT or HCPCS.", values=CODE_SYSTEMS)
    code: str = column("The code.", pattern=CODE_PATTERN)
    related_code: str = column(
        "The other code; equal to `code` where the row states the code's own bounds.", pattern=CODE_PATTERN
    )
    relation: str = column("How they relate.", values=("unit_band", "related"))
    unit_basis: str = column("What is counted, in the singular.", nullable=True, free_text=True)
    lower_bound: pl.Int64 = column("Fewest units for `related_code`.", nullable=True, unit="as unit_basis", at_least=0)
    upper_bound: pl.Int64 = column(
        "Most units for `related_code`; empty is no upper bound stated.", nullable=True, unit="as unit_basis"
    )
    source_file: str = column(_SOURCE_FILE, references="raw_file.source_file")
    source_row: pl.Int64 = column("Line of the page.", at_least=1)

    class Config:
        """Facts about the table."""

        name = "code_relation"
        unique = ["code_system", "code", "related_code", "relation", "source_file"]
        metadata = {
            "facts": TableFacts(
                "codes",
                "pair of related codes and source",
                ("code_system", "code", "related_code", "relation", "source_file"),
                "CC0-1.0",
                (0, 1_000_000),
            )
        }


class CodeDiagnosis(Table):
    """Diagnoses that a text page mentions with a code, and in which role. A vignette is an example, never coverage."""

    code_system: str = column("CPT or HCPCS.", values=CODE_SYSTEMS)
    code: str = column("The code.", pattern=CODE_PATTERN, references="code.code")
    diagnosis_code: str = column("ICD-10-CM code with its dot.", pattern=DIAGNOSIS_PATTERN)
    context: str = column("Role of the diagnosis on the page.", values=("vignette", "stated"))
    source_file: str = column(_SOURCE_FILE, references="raw_file.source_file")
    source_row: pl.Int64 = column("Line of the page.", at_least=1)

    class Config:
        """Facts about the table."""

        name = "code_diagnosis"
        unique = ["code_system", "code", "diagnosis_code", "context", "source_file"]
        metadata = {
            "facts": TableFacts(
                "codes",
                "diagnosis mentioned with a code",
                ("code_system", "code", "diagnosis_code", "context", "source_file"),
                "CC0-1.0",
                (0, 1_000_000),
            )
        }
