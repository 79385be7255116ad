"""Names in price files are resolved on the newest day on which a file carries them."""

from datetime import date

import polars as pl

from tests.transforms.builders import shipped_tables
from transforms.price_tables import name_review

BEFORE, AFTER = date(2024, 6, 30), date(2025, 6, 30)


def seen(*rows: tuple[str, date | None, str]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema={"payer_name": pl.String, "known_from": pl.Date, "source_file": pl.String}, orient="row")


def reviewed(*frames: pl.DataFrame) -> list[tuple[object, ...]]:
    told = name_review(frames, shipped_tables())
    return told.select("name", "last_seen", "payer_id", "status", "file_count", "row_count").rows()


def test_an_alias_holds_until_the_day_it_ends() -> None:
    # The spelling was Cigna's until it sold its Medicare plans on 2025-03-19 (payer_alias.csv).
    assert reviewed(seen(("CIGNA MCR ADV", BEFORE, "a"))) == [("CIGNA MCR ADV", BEFORE, "cigna", "resolved", 1, 1)]
    assert reviewed(seen(("CIGNA MCR ADV", AFTER, "a"))) == [("CIGNA MCR ADV", AFTER, None, "other_payer", 1, 1)]


def test_the_newest_day_decides_and_none_is_now() -> None:
    old, new = seen(("CIGNA MCR ADV", BEFORE, "a"), ("CIGNA MCR ADV", None, "a")), seen(("CIGNA MCR ADV", AFTER, "b"))
    assert reviewed(old, new) == reviewed(new, old) == [("CIGNA MCR ADV", AFTER, None, "other_payer", 2, 3)]
    assert reviewed(seen(("CIGNA MCR ADV", None, "a"))) == [("CIGNA MCR ADV", None, None, "other_payer", 1, 1)]


def test_a_frame_without_days_says_nothing_about_them() -> None:
    frame = seen(("Aetna", AFTER, "a")).drop("known_from")
    assert reviewed(frame) == [("Aetna", None, "aetna", "resolved", 1, 1)]
