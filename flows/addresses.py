"""Where publishers keep the files of a release. docs/fetching.md says how sure each address is."""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from types import MappingProxyType
from typing import NamedTuple

from transforms.periods import PeriodOf, day, fiscal_year, half_year, quarter
from transforms.profiles import BEGINNING
from transforms.sources import Period


class Terms(NamedTuple):
    """What a publisher wants accepted before it hands out its files."""

    owner: str
    """Short name; stands in origin.json as `accepted_terms`."""
    notice: str


class Cadence(NamedTuple):
    """How often a source is published, and what its releases are called."""

    shape: str
    """Pattern of the name of a release."""
    example: str
    period_of: PeriodOf
    newest: Callable[[date], str]
    """The newest release that is out on a day."""


class Wanted(NamedTuple):
    """A file of a release; braces are filled by `words`."""

    name: str
    """Name below raw/<source>/<release>/, never one that a server gives."""
    addresses: tuple[str, ...]
    """Asked in this order until one is found."""
    known: Mapping[str, str] = MappingProxyType({})
    """Addresses of single releases that keep to no pattern, asked before `addresses`."""
    page: str | None = None
    """Page of the publisher that links to the file; read first, since CMS puts the day of an update into the address."""
    link: str | None = None
    """Pattern of the path of that link; several paths that fit are refused."""
    query: str = ""
    """Appended to every address: what the publisher's own button for accepting `Terms` sends."""


class Offer(NamedTuple):
    """A source that can be fetched."""

    source: str
    publisher: str
    title: str
    page: str
    """Page for people; stands in origin.json as `url`."""
    licence: str
    cadence: Cadence
    hosts: tuple[str, ...]
    """Hosts from which files are taken; a redirect to another one is refused."""
    files: tuple[Wanted, ...]
    terms: Terms | None = None


class Release(NamedTuple):
    """A release of an offer with every brace filled."""

    offer: Offer
    release_id: str
    period: Period
    title: str
    url: str
    files: tuple[Wanted, ...]

    @property
    def place(self) -> str:
        """Folder below raw/."""
        return f"{self.offer.source}/{self.release_id}"


class FetchUsageError(ValueError):
    """No source or no release of that name, or no address of a mirror. Says what there is."""


def offered(source: str, offers: Sequence[Offer]) -> Offer:
    """The offer of a source. Raises FetchUsageError."""
    for offer in offers:
        if offer.source == source:
            return offer
    names = ", ".join(offer.source for offer in offers)
    raise FetchUsageError(f"No address is declared for the source {source!r}. There are: {names}.")


def release_of(offer: Offer, release_id: str) -> Release:
    """A release with its addresses. Raises FetchUsageError for a name that the source does not use."""
    cadence = offer.cadence
    period = cadence.period_of(release_id) if re.fullmatch(cadence.shape, release_id) else None
    if period is None or period.valid_from < BEGINNING:
        raise FetchUsageError(f"{offer.source} has no release {release_id!r}; its releases are named like {cadence.example}.")
    given = words(release_id, period.valid_from)
    files = tuple(_filled(wanted, release_id, given) for wanted in offer.files)
    return Release(offer, release_id, period, offer.title.format(**given), offer.page.format(**given), files)


def words(release_id: str, first: date) -> dict[str, str]:
    """What the braces of an address stand for, by the name of a release and its first day."""
    number = (first.month - 1) // 3 + 1
    quarter_months = [f"{3 * number - back:02}" for back in (2, 1, 0)]
    fiscal = release_id[:4]
    return {
        "release": release_id,
        "yyyy": f"{first.year}",
        "yy": f"{first.year % 100:02}",
        "mm": f"{first.month:02}",
        "months": "|".join(quarter_months),
        "month": _MONTHS[first.month - 1],
        "month_name": _MONTHS[first.month - 1].title(),
        "rvu": f"RVU{first.year % 100:02}{'ABCD'[number - 1]}",
        "quarter": f"{number}",
        "letter": "abcd"[number - 1],
        "ncci": f"{first.year - _YEAR_BEFORE_NCCI}{number - 1}",
        "version": release_id.replace(".", ""),
        "edition": f"april-1-{fiscal}" if release_id.endswith("-04") else fiscal,
    }


def _filled(wanted: Wanted, release_id: str, given: Mapping[str, str]) -> Wanted:
    known = [wanted.known[release_id]] if release_id in wanted.known else []
    addresses = [address + wanted.query for address in (*known, *(address.format(**given) for address in wanted.addresses))]
    return wanted._replace(
        name=wanted.name.format(**given),
        addresses=tuple(addresses),
        page=wanted.page and wanted.page.format(**given),
        link=wanted.link and wanted.link.format(**given),
    )


def _quarter_on(today: date) -> str:
    return f"{today.year}-{3 * ((today.month - 1) // 3) + 1:02}"


def _fiscal_year_on(today: date) -> str:
    """The year from 1 October on; from 1 April on its April update."""
    if today.month >= _OCTOBER:
        return f"{today.year + 1}"
    return f"{today.year}-04" if today.month >= _APRIL else f"{today.year}"


def _half_year_on(today: date) -> str:
    return f"{today.year % 100:02}.{int(today.month >= _JULY)}"


_APRIL, _JULY, _OCTOBER = 4, 7, 10
_YEAR_BEFORE_NCCI = 1994
"""Version 32.3 of the NCCI edits is the fourth quarter of 2026."""
_MONTHS = (
    "january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november", "december",
)  # fmt: skip
QUARTERLY = Cadence(r"20[0-9]{2}-(?:01|04|07|10)", "2025-10", quarter, _quarter_on)
FISCAL_YEARLY = Cadence(r"20[0-9]{2}(?:-04)?", "2026 and, for the April update, 2026-04", fiscal_year, _fiscal_year_on)
HALF_YEARLY = Cadence(r"[0-9]{2}\.[01]", "25.1", half_year, _half_year_on)
PLACE_OF_SERVICE = Cadence("20240502", "20240502 (the only one with an address)", day, lambda _: "20240502")

AMA = Terms(
    "AMA",
    "These files of CMS contain CPT codes and descriptors, which the American Medical Association (AMA) owns. CMS hands them out "
    "to people who accept the AMA's licence for CPT, in short: use inside your own organisation in the United States and for "
    "Medicare, Medicaid and other programmes of CMS only; no copy to others, no modified copy, no sale; no warranty. The licence "
    "that counts is the one that CMS shows before a download, for example at "
    "https://www.cms.gov/license/ama?file=/files/zip/medicare-ncci-2025q4-practitioner-ptp-edits-ccipra-v313r0-f1.zip",
)

_CMS = "Centers for Medicare & Medicaid Services"
_CMS_HOSTS = ("www.cms.gov", "cms.gov")
_ZIP = "https://www.cms.gov/files/zip/"
_PFS_PAGE = "https://www.cms.gov/medicare/payment/fee-schedules/physician/pfs-relative-value-files/rvu{yy}{letter}"
_HCPCS_PAGE = "https://www.cms.gov/medicare/coding-billing/healthcare-common-procedure-system/quarterly-update"
_NCCI_PAGE = "https://www.cms.gov/medicare/coding-billing/national-correct-coding-initiative-ncci-edits"
_PTP_PAGE = f"{_NCCI_PAGE}/medicare-ncci-procedure-procedure-ptp-edits"
_MUE_PAGE = f"{_NCCI_PAGE}/medicare-ncci-medically-unlikely-edits-mues"
_AOC_PAGE = f"{_NCCI_PAGE}/medicare-ncci-add-code-edits"
_ICD_PAGE = "https://www.cms.gov/medicare/coding-billing/icd-10-codes"
_UTG = "https://raw.githubusercontent.com/HL7/UTG/bac955274bfd2ac9dfdbad33967154714e6f115f"

_RVU = Wanted(
    "rvu{yy}{letter}.zip",
    (_ZIP + "rvu{yy}{letter}.zip",),
    known={
        "2024-01": _ZIP + "rvu24a-updated-04/01/2024.zip",
        "2024-04": _ZIP + "rvu24b-updated-03/18/2024.zip",
        "2024-07": _ZIP + "rvu24c-updated-09/09/2024.zip",
        "2025-01": _ZIP + "rvu25a-updated-01/10/2025.zip",
        "2026-01": _ZIP + "rvu26a-updated-12-29-2025.zip",
        "2026-04": _ZIP + "rvu26b-updated-05-01-2026.zip",
        "2026-07": _ZIP + "rvu26c-updated-06-30-2026.zip",
        "2026-10": _ZIP + "rvu26d-updated-08-26-2026.zip",
    },
    page=_PFS_PAGE,
    link=r"/files/zip/rvu{yy}{letter}(?:-[a-z0-9/-]+)?\.zip",
)
_HCPCS = Wanted(
    "{month}-{yyyy}-alpha-numeric-hcpcs-file.zip",
    (_ZIP + "{month}-{yyyy}-alpha-numeric-hcpcs-file.zip", _ZIP + "{month}-{yyyy}-alpha-numeric-hcpcs-files.zip"),
    page=_HCPCS_PAGE,
    link=r"/files/zip/{month}-{yyyy}-alpha-numeric-hcpcs-files?(?:-[a-z0-9/-]+)?\.zip",
)
_PTP = tuple(
    Wanted(
        f"ccipra-v{{ncci}}-f{part}.zip",
        (f"{_ZIP}medicare-ncci-{{yyyy}}q{{quarter}}-practitioner-ptp-edits-ccipra-v{{ncci}}r0-f{part}.zip",),
        page=_PTP_PAGE,
        link=rf"/files/zip/medicare-ncci-{{yyyy}}-?q{{quarter}}-practitioner-ptp-edits-ccipra-v{{ncci}}r[0-9]-f{part}\.zip",
        query="?agree=yes",
    )
    for part in (1, 2, 3, 4)
)
_MUE = tuple(
    Wanted(
        f"mue-{setting}-{{yyyy}}q{{quarter}}.zip",
        (f"{_ZIP}medicare-ncci-{{yyyy}}-q{{quarter}}-{services}-services-mue-table.zip",),
        page=_MUE_PAGE,
        link=rf"/files/zip/medicare-ncci-{{yyyy}}-?q{{quarter}}-{services}-services-mue-table(?:-[a-z0-9/-]+)?\.zip",
        query="?agree=yes",
    )
    for setting, services in (
        ("practitioner", "practitioner"),
        ("outpatient", "facility-outpatient-hospital"),
        ("dme", "dme-supplier"),
    )
)
_AOC = Wanted(
    "add-on-codes-{yyyy}q{quarter}.zip",
    (_ZIP + "add-code-edits-medicare-effective-{mm}01{yyyy}.zip",),
    known={
        "2026-01": _ZIP + "add-code-edits-replacement-file-medicare-effective-01012026-zip.zip",
        "2026-04": _ZIP + "add-code-edits-medicare-effective-06012026.zip",
    },
    page=_AOC_PAGE,
    link=r"/files/zip/add-(?:on-)?code-edits-[a-z0-9-]*effective-(?:{months})[0-9][0-9]{yyyy}[a-z0-9-]*\.zip",
    query="?agree=yes",
)
_ICD = Wanted(
    "{edition}-code-descriptions-tabular-order.zip",
    (_ZIP + "{edition}-code-descriptions-tabular-order.zip",),
    known={
        "2024": _ZIP + "2024-code-descriptions-tabular-order-updated-02/01/2024.zip",
        "2025-04": _ZIP + "2025-code-descriptions-tabular-order-april.zip",
    },
    page=_ICD_PAGE,
    link=r"/files/zip/{edition}-code-descriptions-tabular-order(?:-updated[a-z0-9/-]*)?\.zip",
)
_NUCC = Wanted("nucc_taxonomy_{version}.csv", ("https://www.nucc.org/images/stories/CSV/nucc_taxonomy_{version}.csv",))
_POS = Wanted(
    "cs-CMS-PlaceofServiceCodes.xml",
    (f"{_UTG}/input/sourceOfTruth/external/hta/codeSystems/cs-CMS-PlaceofServiceCodes.xml",),
)

OFFERS = (
    Offer(
        "cms_pfs", _CMS, "Physician Fee Schedule relative value files, release {rvu}", _PFS_PAGE, "US-GOV", QUARTERLY,
        _CMS_HOSTS, (_RVU,), AMA,
    ),
    Offer(
        "cms_hcpcs", _CMS, "HCPCS Level II alpha-numeric file, {month_name} {yyyy}", _HCPCS_PAGE, "US-GOV", QUARTERLY, _CMS_HOSTS,
        (_HCPCS,),
    ),
    Offer(
        "cms_ncci", _CMS, "NCCI edits, quarter {quarter} of {yyyy}: pairs for practitioners, units limits, add-on codes",
        _NCCI_PAGE, "US-GOV", QUARTERLY, _CMS_HOSTS, (*_PTP, *_MUE, _AOC), AMA,
    ),
    Offer(
        "cms_icd10cm", _CMS, "ICD-10-CM code descriptions in tabular order, {edition}", _ICD_PAGE, "US-GOV", FISCAL_YEARLY,
        _CMS_HOSTS, (_ICD,),
    ),
    Offer(
        "nucc", "National Uniform Claim Committee", "Health care provider taxonomy, version {release}",
        "https://www.nucc.org/index.php/code-sets-mainmenu-41/provider-taxonomy-mainmenu-40/csv-mainmenu-57", "NUCC", HALF_YEARLY,
        ("www.nucc.org", "nucc.org"), (_NUCC,),
    ),
    Offer(
        "cms_pos", _CMS, "Place of service codes of {release}, as HL7 Terminology republishes them",
        "https://www.cms.gov/medicare/coding-billing/place-of-service-codes/code-sets", "US-GOV", PLACE_OF_SERVICE,
        ("raw.githubusercontent.com",), (_POS,),
    ),
)  # fmt: skip
