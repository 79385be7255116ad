"""Places of service: CMS's code set for professional claims."""

import pandera.polars as pa
import polars as pl
from pandera.polars import PolarsData

from schemas.base import KNOWN_FROM, Table, TableFacts, column


class PlaceOfService(Table):
    """Place of service codes, with the service dates on which they hold."""

    place_of_service_code: str = column("CMS code of two digits.", pattern=r"^[0-9]{2}$")
    valid_from: pl.Date = column("First day of the first release that says so.")
    valid_to: pl.Date = column("Day before the release that no longer says so; empty is still listed.", nullable=True)
    known_from: pl.Date = column(KNOWN_FROM, nullable=True)
    place_name: str = column("CMS's name, `/` and `-` without blanks around them.", free_text=True)
    description: str = column("CMS's description; empty for an unassigned code.", nullable=True, free_text=True)
    effective_note: str = column(
        "What the description says in brackets about its own dates, where the format has it.", nullable=True, free_text=True
    )
    is_facility: bool = column("Medicare pays the facility rate there; empty where the format does not say.", nullable=True)
    is_assigned: bool = column("The code stands for a place; only csv files list the others.")
    release_id: str = column("Release that first said so.")
    source_file: str = column("Path of the raw file below raw/.", references="raw_file.source_file")
    source_row: pl.Int64 = column("Line of a csv file, or number of the concept in an XML file.", at_least=1)

    class Config:
        """Facts about the table."""

        name = "place_of_service"
        unique = ["place_of_service_code", "valid_from"]
        metadata = {
            "facts": TableFacts("codes", "place and validity", ("place_of_service_code", "valid_from"), "US-GOV", (0, 10_000))
        }

    @pa.dataframe_check(
        name="described_where_assigned", description="An assigned code has a description, an unassigned one says nothing."
    )
    def _described(cls, data: PolarsData) -> pl.LazyFrame:
        is_described = pl.col("description").is_not_null()
        says_nothing = ~is_described & pl.col("is_facility").is_null()
        return data.lazyframe.select(pl.when("is_assigned").then(is_described).otherwise(says_nothing))
