"""Words by which codes, modifiers and payers are found."""

import polars as pl

from schemas.base import OF_ITS_TEXTS, Table, TableFacts, column


class SearchWord(Table):
    """Words of the texts about codes, modifiers and payers: what `search` looks up, made of texts that the build carries."""

    kind: str = column("What the word leads to.", values=("code", "modifier", "payer", "organization"))
    word: str = column("The word in small letters and digits, without accents.", pattern=r"^[a-z0-9]+$")
    subject: str = column("The code, modifier, payer_id or organization_id.")
    weight: pl.Int64 = column(
        "10 for the code, modifier or payer_id itself, 3 in a name, 2 in plain language or an alias, 1 for words beside them.",
        at_least=1,
        at_most=10,
    )
    word_count: pl.Int64 = column("Different words of the subject: among fewer, each says more.", unit="words", at_least=1)
    subject_count: pl.Int64 = column(
        "Subjects of the kind that hold the word: the fewer, the more it says.", unit="subjects", at_least=1
    )
    is_first: bool = column("First row of the kind and word: the rows marked so are the vocabulary.")

    class Config:
        """Facts about the table."""

        name = "search_word"
        unique = ["kind", "word", "subject"]
        metadata = {
            "facts": TableFacts(
                "codes", "word of a code, modifier or payer", ("kind", "word", "subject"), OF_ITS_TEXTS, (100, 5_000_000)
            )
        }
