"""The words of texts about codes, modifiers and payers, for a search that needs nothing but SQL."""

import polars as pl

from schemas import SearchWord
from transforms.gate import ensure
from transforms.sources import Tables

_OWN_ID, _NAME, _OTHER_WORDS, _BESIDE = 10, 3, 2, 1
_SAID_FOR = {
    "anaesthesia": r"anesthe",
    "assistant": r"second surgeon|surgical help|assist",
    "bilateral": r"both sides",
    "bowel": r"colon|large bowel",
    "cabg": r"bypass of a blocked heart vessel|coronary artery bypass",
    "cardiac": r"heart",
    "chemo chemotherapy": r"cancer drug|chemotherapy",
    "colonoscopy": r"large bowel|colonoscopy",
    "crna": r"nurse anesthetist|crna",
    "ecg ekg electrocardiogram": r"heart tracing|electrocardiogra|ekg|ecg",
    "egd gastroscopy endoscopy": r"scope through the mouth|gastroscopy|egd",
    "lesion growth": r"lesion|growths?",
    "mammary mastectomy": r"entire breast|mastectomy",
    "nurse anesthetist": r"crna",
    "phlebotomy venipuncture": r"drawing blood|venipuncture|venous blood",
    "radiograph xray": r"chest film|x-rays?|radiograph",
    "surgery": r"operation",
    "telemedicine": r"telehealth",
    "trigger": r"sore knots",
    "wart": r"common warts?",
    "uhc": r"united ?healthcare",
}
"""Words of coders and patients, in own words, and the expression over a text that they are said for."""
_PROSE = ("plain_language", "overview")


def search_words(tables: Tables) -> pl.DataFrame:
    """`search_word` rows of the texts in `code_description`, `modifier`, `modifier_listing` and the tables of payers.

    Every code, modifier, payer and organization has its own id as a word, so it is found where no text may be carried.
    """
    texts = pl.concat([_of_codes(tables), _of_modifiers(tables), _of_payers(tables)])
    said = texts.with_columns(text=_plain(pl.col("text")))
    words = pl.concat([said, _beside(said)]).with_columns(word=pl.col("text").str.extract_all(r"[a-z0-9]+")).explode("word")
    best = (
        words.drop_nulls("word").group_by("kind", "word", "subject").agg(pl.col("weight").max()).sort("kind", "word", "subject")
    )
    counted = best.with_columns(
        word_count=pl.len().over("kind", "subject").cast(pl.Int64),
        subject_count=pl.len().over("kind", "word").cast(pl.Int64),
        is_first=pl.struct("kind", "word").is_first_distinct(),
    )
    return ensure(counted.select(SearchWord.column_names()), SearchWord)


def _plain(text: pl.Expr) -> pl.Expr:
    """Small letters without accents; the macro `search` writes a question alike."""
    return text.str.normalize("NFKD").str.replace_all(r"\p{M}", "").str.to_lowercase()


def _beside(texts: pl.DataFrame) -> pl.DataFrame:
    """Words that people say for what a text says otherwise."""
    named = texts.filter(pl.col("weight") < _OWN_ID).with_columns(weight=pl.lit(_BESIDE, dtype=pl.Int64))
    return pl.concat(
        [
            named.filter(pl.col("text").str.contains(rf"\b(?:{expression})")).with_columns(text=pl.lit(words))
            for words, expression in _SAID_FOR.items()
        ]
    )


def _of_codes(tables: Tables) -> pl.DataFrame:
    weight = pl.when(pl.col("kind").is_in(_PROSE)).then(_OTHER_WORDS).otherwise(_NAME)
    described = tables["code_description"].select("code", "description", weight=weight)
    return pl.concat(
        [_texts(tables["code"].unique("code"), "code", "code", "code", _OWN_ID), *_weighted(described, "code", "description")]
    )


def _of_modifiers(tables: Tables) -> pl.DataFrame:
    names = tables["modifier"]
    return pl.concat(
        [
            _texts(names.unique("modifier"), "modifier", "modifier", "modifier", _OWN_ID),
            _texts(names, "modifier", "modifier", "modifier_name", _NAME),
            _texts(tables["modifier_listing"], "modifier", "modifier", "modifier_name", _OTHER_WORDS),
        ]
    )


def _of_payers(tables: Tables) -> pl.DataFrame:
    """Words of payers and organizations; an alias leads to the organization it means, or else to the payer."""
    aliases = tables["payer_alias"]
    of_organization = aliases.filter(pl.col("organization_id").is_not_null())
    of_payer = aliases.filter(pl.col("organization_id").is_null() & pl.col("payer_id").is_not_null())
    return pl.concat(
        [
            _texts(tables["payer"], "payer", "payer_id", "payer_id", _OWN_ID),
            _texts(tables["payer"], "payer", "payer_id", "payer_name", _NAME),
            _texts(of_payer, "payer", "payer_id", "comparison_form", _OTHER_WORDS),
            _texts(tables["payer_organization"], "organization", "organization_id", "organization_id", _NAME),
            _texts(tables["payer_organization"], "organization", "organization_id", "organization_name", _NAME),
            _texts(of_organization, "organization", "organization_id", "comparison_form", _OTHER_WORDS),
        ]
    )


def _weighted(texts: pl.DataFrame, kind: str, text: str) -> list[pl.DataFrame]:
    return [_texts(texts.filter(pl.col("weight") == weight), kind, kind, text, weight) for weight in (_NAME, _OTHER_WORDS)]


def _texts(rows: pl.DataFrame, kind: str, subject: str, text: str, weight: int) -> pl.DataFrame:
    return rows.select(
        kind=pl.lit(kind), subject=pl.col(subject), weight=pl.lit(weight, dtype=pl.Int64), text=pl.col(text)
    ).drop_nulls()
