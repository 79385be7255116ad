"""Every source, one line each, in the order in which they are built: a source may use the tables of those above it."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from transforms import (
    cms_hcpcs,
    cms_icd10cm,
    cms_ncci,
    cms_pfs,
    cms_pos,
    code_pages,
    code_sections,
    modifiers,
    nucc,
    payer_rules,
    payers,
)
from transforms.history import Combine
from transforms.periods import PeriodOf, day, fiscal_year, half_year, quarter
from transforms.sources import Built, SourceFile, Tables


class Source(NamedTuple):
    """A folder below raw/, the files it holds, and the function that normalises them."""

    name: str
    files: tuple[str, ...]
    """Name patterns, the preferred format first; a file that fits none is reported and left alone.

    Of files of one release with the same stem only the one in the most preferred format is read. A source with releases takes
    zip archives with such files, too.
    """
    required: tuple[str, ...]
    """Name patterns of which each must be there."""
    encodings: tuple[str, ...]
    """`utf-8`, and `cp1252` where the publisher is known to use it."""
    tables: tuple[str, ...]
    build: Callable[[Sequence[SourceFile], Tables], Built]
    """Makes tables of the files of one release, or of all files of a source without releases."""
    needs: tuple[str, ...] = ()
    """Sources above it whose tables `build` uses."""
    may_be_blank: bool = False
    """A blank file is a file to refuse, not one that stops the run."""
    has_releases: bool = False
    """The folder holds one folder per release; otherwise its files are curated here."""
    period_of: PeriodOf = quarter
    """Period that the name of a release folder stands for, where no origin.json states it."""
    cadence_days: int | None = None
    """Days after which the publisher renews it; None for curated sources."""
    combine: Combine | None = None
    """Makes one set of tables of several releases."""


_QUARTER, _HALF_YEAR, _YEAR = 92, 184, 366
_UTF8, _CMS = ("utf-8",), ("utf-8", "cp1252")
_PAYERS = ("payer.csv", "payer_organization.csv", "payer_alias.csv", "name_word.csv")
_PAYER_TABLES = ("payer", "payer_organization", "organization_ancestor", "payer_alias", "name_word")
_MODIFIERS = ("modifier.csv", "modifier_group.csv")
_RULES = ("aetna.csv", "bcbs.csv", "cigna.csv", "medicare.csv", "uhc.csv")
_PFS = (
    "PPRRVU*.csv",
    "ANES*.csv",
    "GPCI*.csv",
    "OPPSCAP*.csv",
    "*LOCCO*.csv",
    "ANES*.xlsx",
    "*LOCCO*.xlsx",
    "PPRRVU*.txt",
    "GPCI*.txt",
    "OPPSCAP*.txt",
    "PPRRVU*.xlsx",
    "GPCI*.xlsx",
    "OPPSCAP*.xlsx",
    "ANES*.txt",
)
_PFS_TABLES = (
    "pfs_indicator",
    "conversion_factor",
    "gpci",
    "anesthesia_locality",
    "opps_cap",
    "locality_county",
    "code_listing",
    "code_description",
)
_NCCI = (
    "ccipra*.txt", "ccioph*.txt", "ccipra*.xlsx", "ccioph*.xlsx", "*MUE*.csv", "*MUE*.xlsx", "AOC*MCR*.xlsx", "AOC*MCR*.csv",
)  # fmt: skip
_HCPCS = ("*ANWEB*.txt", "*ANWEB*.xlsx", "*ANWEB*.csv")
_HCPCS_TABLES = ("hcpcs_code", "modifier_listing", "code_listing", "code_description")
_ICD10CM = ("icd10cm?order?*.txt", "icd10cm?codes?*.txt")
_PAGE_TABLES = ("code_page", "code_description", "code_claim", "code_relation", "code_diagnosis")

SOURCES = (
    Source("code_sections", ("code_section.csv",), ("code_section.csv",), _UTF8, ("code_section",), code_sections.build),
    Source("payers", _PAYERS, _PAYERS, _UTF8, _PAYER_TABLES, payers.build),
    Source("modifiers", _MODIFIERS, _MODIFIERS, _UTF8, ("modifier", "modifier_group"), modifiers.build, needs=("payers",)),
    Source("payer_rules", ("*.csv",), _RULES, _UTF8, ("modifier_rule",), payer_rules.build, needs=("payers", "modifiers")),
    Source(
        "cms_pfs",
        _PFS,
        ("PPRRVU*",),
        _CMS,
        _PFS_TABLES,
        cms_pfs.build,
        needs=("code_sections",),
        has_releases=True,
        cadence_days=_QUARTER,
        combine=cms_pfs.combine,
    ),
    Source(
        "cms_ncci",
        _NCCI,
        (),
        _CMS,
        ("ncci_ptp", "ncci_mue", "ncci_addon"),
        cms_ncci.build,
        has_releases=True,
        cadence_days=_QUARTER,
        combine=cms_ncci.combine,
    ),
    Source(
        "cms_hcpcs",
        _HCPCS,
        (),
        _CMS,
        _HCPCS_TABLES,
        cms_hcpcs.build,
        needs=("code_sections",),
        has_releases=True,
        cadence_days=_QUARTER,
        combine=cms_hcpcs.combine,
    ),
    Source(
        "cms_icd10cm",
        _ICD10CM,
        (),
        _UTF8,
        ("diagnosis",),
        cms_icd10cm.build,
        has_releases=True,
        cadence_days=_YEAR,
        period_of=fiscal_year,
        combine=cms_icd10cm.combine,
    ),
    Source(
        "nucc",
        ("nucc_taxonomy_*.csv",),
        (),
        _UTF8,
        ("taxonomy",),
        nucc.build,
        has_releases=True,
        cadence_days=_HALF_YEAR,
        period_of=half_year,
        combine=nucc.combine,
    ),
    Source(
        "cms_pos",
        ("*.xml", "*.csv"),
        (),
        _UTF8,
        ("place_of_service",),
        cms_pos.build,
        has_releases=True,
        cadence_days=_YEAR,
        period_of=day,
        combine=cms_pos.combine,
    ),
    Source(
        "code_pages",
        ("*.txt",),
        (),
        _CMS,
        _PAGE_TABLES,
        code_pages.build,
        needs=("payers", "cms_pfs", "cms_hcpcs"),
        may_be_blank=True,
    ),
)


class PriceSource(NamedTuple):
    """A folder of price files, each of them a unit of work (flows/units.py): they are too large to be read whole."""

    name: str
    files: tuple[str, ...]
    """Name patterns in lower case, at any depth below the folder."""


PRICE_SOURCES = (
    PriceSource("tic", ("*.json", "*.json.gz", "*.zip")),
    PriceSource("hpt", ("*.csv", "*.csv.gz", "*.json", "*.json.gz", "*.zip")),
)
PRICE_TABLES = ("modifier_observation", "published_modifier_effect", "name_review", "price_file_worklist")
"""Tables that price files give, after the names in them were resolved."""

CUBE_SOURCES = ("code_sections", "payers", "modifiers", "payer_rules", "cms_pfs", "cms_hcpcs", "code_pages")
"""Sources whose facts the cube and what is made with it are resolved from."""
SEARCH_SOURCES = ("code_sections", "payers", "modifiers", "cms_pfs", "cms_hcpcs", "code_pages")
"""Sources in whose texts a search looks."""
CUBE_TABLES = ("code_profile", "profile_rule", "code_answer_set", "answer", "code_payer_modifier", "contradiction")
