"""Payers, the organizations behind them, and the spellings under which they appear."""

import pandera.polars as pa
import polars as pl
from pandera.polars import PolarsData

from schemas.base import Cited, Table, TableFacts, column
from schemas.vocabulary import LINES_OF_BUSINESS, PAYERS

_NAMED_LINES = tuple(line for line in LINES_OF_BUSINESS if line != "any")


class Payer(Cited):
    """The five payers of the dataset. Blue Cross Blue Shield is a federation of independent licensees, not one payer."""

    payer_id: str = column("Identifier of the payer.", values=PAYERS)
    payer_name: str = column("Name of the payer.", free_text=True)
    payer_kind: str = column("Legal nature.", values=("insurer", "federation", "government"))
    default_line_of_business: str = column("Line of business assumed where a question names none.", values=_NAMED_LINES)
    is_single_entity: bool = column("False where independent companies use the name and set their own rules.")
    note: str = column("What a reader should know.", nullable=True, free_text=True)

    class Config:
        """Facts about the table."""

        name = "payer"
        unique = ["payer_id"]
        metadata = {"facts": TableFacts("payers", "payer", ("payer_id",), "CC0-1.0", (5, 5))}


class PayerOrganization(Cited):
    """Licensees, subsidiaries, brands, administrators and networks behind the five payers."""

    organization_id: str = column("Identifier of the organization.", pattern=r"^[a-z][a-z0-9_]*$")
    payer_id: str = column("Payer the organization belongs to.", values=PAYERS, references="payer.payer_id")
    organization_name: str = column("Name of the organization.", free_text=True)
    organization_kind: str = column(
        "What the organization is.", values=("administrator", "brand", "joint_venture", "licensee", "network", "subsidiary")
    )
    parent_organization_id: str = column(
        "Organization that owns it or licenses it.", nullable=True, references="payer_organization.organization_id"
    )
    markets: str = column("USPS codes of its markets, separated by blanks; empty is nationwide or not stated.", nullable=True)
    lines_of_business: str = column("Lines of business, separated by blanks; empty is not stated.", nullable=True)
    valid_from: pl.Date = column("First day the statement holds; empty is not stated.", nullable=True)
    valid_to: pl.Date = column("Last day the statement holds; empty is not stated.", nullable=True)
    note: str = column("What a reader should know.", nullable=True, free_text=True)

    class Config:
        """Facts about the table."""

        name = "payer_organization"
        unique = ["organization_id"]
        metadata = {"facts": TableFacts("payers", "organization", ("organization_id",), "CC0-1.0", (60, 5_000))}


class PayerAlias(Cited):
    """Spellings of payer names seen in the wild, with scope and evidence. A bare 'Blue Cross' has no global alias."""

    alias: str = column("The spelling as seen.", free_text=True)
    comparison_form: str = column("Lower case, bracketed ids dropped, other signs as single blanks: what look-ups compare.")
    match: str = column(
        "`is` names one of the five payers, `is_not` a name that must never resolve to them.", values=("is", "is_not")
    )
    payer_id: str = column("The payer meant; empty for `is_not`.", nullable=True, values=PAYERS, references="payer.payer_id")
    organization_id: str = column(
        "The organization meant, where the spelling names one.",
        nullable=True,
        references="payer_organization.organization_id",
    )
    scope: str = column(
        "Where the spelling means this: everywhere, in one state, or beside words of a plan.", values=("global", "plan", "state")
    )
    state: str = column("USPS code for scope `state`.", nullable=True, pattern=r"^[A-Z]{2}$")
    plan_text: str = column("Words the plan name must carry for scope `plan`.", nullable=True, free_text=True)
    line_of_business: str = column("Line of business that the spelling itself names.", nullable=True, values=_NAMED_LINES)
    valid_from: pl.Date = column("First day the spelling means this; empty is not stated.", nullable=True)
    valid_to: pl.Date = column("Last day the spelling means this; empty is not stated.", nullable=True)
    evidence_kind: str = column(
        "Where the spelling was seen.", values=("brand", "hospital_file", "legal_name", "policy_page", "tic_file")
    )
    note: str = column("What a reader should know.", nullable=True, free_text=True)

    class Config:
        """Facts about the table."""

        name = "payer_alias"
        unique = ["comparison_form", "scope", "state", "plan_text", "valid_from"]
        metadata = {
            "facts": TableFacts(
                "payers", "spelling, scope and date", ("comparison_form", "scope", "source_row"), "CC0-1.0", (150, 100_000)
            )
        }

    @pa.dataframe_check(name="payer_is_named", description="`is` names a payer, `is_not` names none.")
    def _named(cls, data: PolarsData) -> pl.LazyFrame:
        return data.lazyframe.select((pl.col("match") == "is") == pl.col("payer_id").is_not_null())

    @pa.dataframe_check(name="scope_is_stated", description="Scope `state` needs a state, scope `plan` words of the plan.")
    def _scoped(cls, data: PolarsData) -> pl.LazyFrame:
        by_state, by_plan = pl.col("scope") == "state", pl.col("scope") == "plan"
        return data.lazyframe.select((by_state == pl.col("state").is_not_null()) & (by_plan == pl.col("plan_text").is_not_null()))


class NameWord(Cited):
    """Words in names of payers and plans that do not say who pays but what, where and how: product, market, network, form."""

    words: str = column("One or more words in comparison form.", pattern=r"^[a-z0-9]+( [a-z0-9]+)*$")
    kind: str = column(
        "What the words say. `joining` ones are passed over; beside `excluded` ones, another business than medical coverage, and "
        "`ambiguous` ones, which mean more than one thing, nobody is named.",
        values=(
            "ambiguous",
            "excluded",
            "general",
            "joining",
            "legal",
            "line",
            "market",
            "network",
            "product",
            "service",
            "setting",
        ),
    )
    line_of_business: str = column("Line of business that the words name beside an insurer.", nullable=True, values=_NAMED_LINES)
    market: str = column("USPS code for kind `market`.", nullable=True, pattern=r"^[A-Z]{2}$")
    is_fit_for_medicare: bool = column(
        "May stand beside original Medicare; other words make it a plan of an insurer whom the name does not give."
    )
    meaning: str = column("What the words mean.", free_text=True)

    class Config:
        """Facts about the table."""

        name = "name_word"
        unique = ["words"]
        metadata = {"facts": TableFacts("payers", "word or phrase", ("words",), "CC0-1.0", (0, 5_000))}

    @pa.dataframe_check(name="kind_fits", description="Kind `line` names a line of business, `market` a market, no other does.")
    def _kinds(cls, data: PolarsData) -> pl.LazyFrame:
        by_line, by_market = pl.col("kind") == "line", pl.col("kind") == "market"
        return data.lazyframe.select(
            (by_line == pl.col("line_of_business").is_not_null()) & (by_market == pl.col("market").is_not_null())
        )


class OrganizationAncestor(Table):
    """Each organization with itself, its parents and `any`: rules of an ancestor hold for it."""

    organization_id: str = column("The organization.", references="payer_organization.organization_id")
    ancestor_id: str = column("Itself, a parent, or `any`.", references="payer_organization.organization_id")
    distance: pl.Int64 = column("Steps between the two.", unit="steps", at_least=0)

    class Config:
        """Facts about the table."""

        name = "organization_ancestor"
        unique = ["organization_id", "ancestor_id"]
        metadata = {
            "facts": TableFacts(
                "payers", "organization and ancestor", ("organization_id", "ancestor_id"), "CC0-1.0", (60, 50_000)
            )
        }
