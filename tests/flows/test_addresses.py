"""Every release becomes the addresses its publisher uses, under names that the registry reads."""

from datetime import date
from fnmatch import fnmatchcase
from pathlib import Path

import pytest

from flows import PROJECT
from flows.addresses import OFFERS, FetchUsageError, Offer, offered, release_of, words
from flows.registry import SOURCES


def offer_of(source: str) -> Offer:
    return offered(source, OFFERS)


@pytest.mark.parametrize(
    ("source", "release", "name", "address"),
    [
        ("cms_pfs", "2025-10", "rvu25d.zip", "https://www.cms.gov/files/zip/rvu25d.zip"),
        ("cms_pfs", "2026-10", "rvu26d.zip", "https://www.cms.gov/files/zip/rvu26d-updated-08-26-2026.zip"),
        (
            "cms_hcpcs", "2025-07", "july-2025-alpha-numeric-hcpcs-file.zip",
            "https://www.cms.gov/files/zip/july-2025-alpha-numeric-hcpcs-file.zip",
        ),
        (
            "cms_ncci", "2026-10", "ccipra-v323-f1.zip",
            "https://www.cms.gov/files/zip/medicare-ncci-2026q4-practitioner-ptp-edits-ccipra-v323r0-f1.zip?agree=yes",
        ),
        (
            "cms_icd10cm", "2026", "2026-code-descriptions-tabular-order.zip",
            "https://www.cms.gov/files/zip/2026-code-descriptions-tabular-order.zip",
        ),
        (
            "cms_icd10cm", "2026-04", "april-1-2026-code-descriptions-tabular-order.zip",
            "https://www.cms.gov/files/zip/april-1-2026-code-descriptions-tabular-order.zip",
        ),
        ("nucc", "25.1", "nucc_taxonomy_251.csv", "https://www.nucc.org/images/stories/CSV/nucc_taxonomy_251.csv"),
    ],
)  # fmt: skip
def test_a_release_becomes_the_addresses_its_publisher_uses(source: str, release: str, name: str, address: str) -> None:
    wanted = release_of(offer_of(source), release).files[0]
    assert (wanted.name, wanted.addresses[0]) == (name, address)


@pytest.mark.parametrize("offer", OFFERS, ids=lambda offer: offer.source)
def test_an_offer_is_whole(offer: Offer) -> None:
    release = release_of(offer, offer.cadence.newest(date(2026, 11, 25)))
    for wanted in release.files:
        assert Path(wanted.name).name == wanted.name
        assert all(address.startswith("https://") and "{" not in address for address in wanted.addresses)
        assert (wanted.page is None) is (wanted.link is None)
        for address in (*wanted.addresses, *filter(None, [wanted.page])):
            assert address.split("/")[2] in offer.hosts
    assert len({wanted.name for wanted in release.files}) == len(release.files)


def test_every_offer_is_described() -> None:
    text = (PROJECT / "docs" / "fetching.md").read_text(encoding="utf-8")
    assert all(f"`{offer.source}`" in text for offer in OFFERS)
    assert all(host in text for offer in OFFERS for host in offer.hosts)


@pytest.mark.parametrize("release", ["", "2025", "2025-10\n", "0000-01", "9999-10", "1900-01", "٢٠٢٥-10"])
def test_names_that_are_no_release_are_refused(release: str) -> None:
    with pytest.raises(FetchUsageError):
        release_of(offer_of("cms_pfs"), release)


@pytest.mark.parametrize("offer", OFFERS, ids=lambda offer: offer.source)
def test_an_offer_is_of_a_registered_source_and_fits_it(offer: Offer) -> None:
    (source,) = (source for source in SOURCES if source.name == offer.source)
    assert source.has_releases
    newest = offer.cadence.newest(date(2026, 11, 25))
    assert source.period_of(newest) == release_of(offer, newest).period
    for wanted in release_of(offer, newest).files:
        assert any(fnmatchcase(wanted.name, pattern) for pattern in (*source.files, "*.zip"))


@pytest.mark.parametrize("offer", OFFERS, ids=lambda offer: offer.source)
def test_single_addresses_are_of_releases_that_exist(offer: Offer) -> None:
    for wanted in offer.files:
        for release_id, address in wanted.known.items():
            filled = release_of(offer, release_id)
            assert address + wanted.query in [found for file in filled.files for found in file.addresses]


def test_the_words_of_a_quarter() -> None:
    assert words("2026-04", date(2026, 4, 1)) == {
        "release": "2026-04",
        "yyyy": "2026",
        "yy": "26",
        "mm": "04",
        "months": "04|05|06",
        "month": "april",
        "month_name": "April",
        "rvu": "RVU26B",
        "quarter": "2",
        "letter": "b",
        "ncci": "321",
        "version": "2026-04",
        "edition": "april-1-2026",
    }
