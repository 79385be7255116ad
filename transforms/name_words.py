"""Names cut into known spellings: aliases of payers, words that say something else, and what is left over.

A name is compared in its comparison form, joining words such as 'of' left out. Known spellings are found from the left, the
longest first, so that 'Aetna Better Health' is not read as 'Aetna'. Nothing here decides whom a name means.
"""

from typing import NamedTuple

import polars as pl

from transforms.curated import comparison_form

_LEAST_GLUED = 8
"""Letters from which on a spelling is also known written in one word, such as 'unitedhealthcare'."""


class Vocabulary(NamedTuple):
    """What is known of spellings. Keys are comparison forms whose every word stands between two blanks."""

    joining: list[str]
    """Joining words, as keys."""
    patterns: list[str]
    """Everything to look for, the longest first."""
    spellings: pl.DataFrame
    """spelling, key: what is looked for, and the key it stands for (itself, or the one it is glued from)."""
    words: pl.DataFrame
    """key and the columns of `name_word`."""
    aliases: pl.DataFrame
    """key, plan_key, plan_line, alias_at (number of the row) and the columns of `payer_alias`."""


def vocabulary(aliases: pl.DataFrame, words: pl.DataFrame) -> Vocabulary:
    """Aliases (`payer_alias` rows) and words (`name_word` rows), ready to be looked for."""
    joining = words.filter(pl.col("kind") == "joining")["words"]
    unjoined = [f" {word} " for word in joining]
    keyed_words = (
        words.filter(pl.col("kind") != "joining")
        .with_columns(key=_key(pl.col("words"), unjoined))
        .unique("key", keep="first", maintain_order=True)
    )
    lines = keyed_words.select(plan_key="key", plan_line="line_of_business")
    keyed = (
        aliases.with_row_index("alias_at")
        .with_columns(key=_key(pl.col("alias"), unjoined), plan_key=_key(pl.col("plan_text"), unjoined))
        .filter(pl.col("key").str.strip_chars() != "")
        .join(lines, on="plan_key", how="left", maintain_order="left")
    )
    spellings = _spellings(pl.concat([keyed["key"], keyed_words["key"]]).unique(maintain_order=True))
    return Vocabulary(unjoined, spellings["spelling"].to_list(), spellings, keyed_words, keyed)


def keyed(text: pl.Expr, known: Vocabulary) -> pl.Expr:
    """A name as a key; an empty one for null."""
    return _key(text.fill_null(""), known.joining)


def keyed_in_full(text: pl.Expr, known: Vocabulary) -> pl.Expr:
    """A key in which every letter stands. A comparison form drops foreign ones, though they may change whom a name means."""
    return _key(text.fill_null("").str.normalize("NFC"), known.joining, letters=r"\p{L}")


def segments(keys: pl.DataFrame, known: Vocabulary) -> pl.DataFrame:
    """Known spellings in names, in their order.

    Args:
        keys: `row` and `text` (a key).
        known: Spellings.

    Returns:
        row, key, is_alias, and kind, word_line, word_market, is_fit_for_medicare, meaning of the word (null where it is none).
    """
    if not known.patterns:
        return keys.clear().select("row", key="text").join(_meanings(known), on="key", how="left")
    found = pl.col("text").str.extract_many(known.patterns, leftmost=True)
    return (
        keys.select("row", spelling=found)
        .explode("spelling", empty_as_null=False)
        .join(known.spellings, on="spelling", maintain_order="left")
        .drop("spelling")
        .join(_meanings(known), on="key", how="left", maintain_order="left")
    )


def said(text: pl.Expr, known: Vocabulary) -> pl.Expr:
    """The known spellings of a key in their order, kept apart by bars; a key whose other words are left out."""
    return text.str.extract_many(known.patterns, leftmost=True).list.join("|") if known.patterns else pl.lit("")


def left_over(text: pl.Expr, known: Vocabulary) -> pl.Expr:
    """Words of a key that no known spelling covers, with single blanks."""
    rest = text.str.replace_many(known.patterns, [""], leftmost=True) if known.patterns else text
    return rest.str.replace_all(r"\s+", " ").str.strip_chars()


def shown(key: pl.Expr) -> pl.Expr:
    """A key as people write it."""
    return key.str.replace_all("  ", " ", literal=True).str.strip_chars()


def _key(text: pl.Expr, joining: list[str], *, letters: str = "a-z") -> pl.Expr:
    """Every word between two blanks, so that neighbours share none."""
    spaced = pl.format(" {} ", comparison_form(text, letters=letters).str.replace_all(" ", "  ", literal=True))
    return spaced.str.replace_many(joining, [""]) if joining else spaced


def _spellings(keys: pl.Series) -> pl.DataFrame:
    """Keys, and longer ones glued to one word, the longest first."""
    glued = pl.format(" {} ", pl.col("key").str.replace_all(" ", "", literal=True))
    own = keys.to_frame("key").with_columns(spelling="key")
    in_one = (
        own.filter(pl.col("key").str.strip_chars().str.contains("  ", literal=True))
        .with_columns(spelling=glued)
        .filter(pl.col("spelling").str.len_chars() >= _LEAST_GLUED + 2)
        .join(own.select("spelling"), on="spelling", how="anti", maintain_order="left")
        .unique("spelling", keep="first", maintain_order=True)
    )
    both = pl.concat([own.select("spelling", "key"), in_one.select("spelling", "key")])
    return both.sort(pl.col("spelling").str.len_chars(), "spelling", descending=[True, False])


def _meanings(known: Vocabulary) -> pl.DataFrame:
    """Each key with what it may be."""
    as_words = known.words.select(
        "key", "kind", "is_fit_for_medicare", "meaning", word_line="line_of_business", word_market="market"
    )
    as_aliases = known.aliases.select("key", is_alias=pl.lit(value=True)).unique()
    every = known.spellings.select("key").unique()
    return (
        every.join(as_aliases, on="key", how="left")
        .join(as_words, on="key", how="left")
        .with_columns(pl.col("is_alias").fill_null(value=False))
    )
