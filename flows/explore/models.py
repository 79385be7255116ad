"""Shapes of the JSON API's answers. A row's columns are those of the table or macro that it comes from (DICTIONARY.md)."""

from datetime import date
from typing import Any

from pydantic import BaseModel, Field

Rows = list[dict[str, Any]]


class Page(BaseModel):
    """A page of a list."""

    rows: Rows
    offset: int = Field(description="Rows before this page.")
    next_offset: int | None = Field(description="Where the next page begins; null on the last one.")


class Problem(BaseModel):
    """Why there is no answer: what was asked, what was expected, what to do."""

    detail: str


class CodeFacts(BaseModel):
    """What a code is on a day."""

    code: str
    on: date
    spans: Rows = Field(description="When the code is listed.")
    texts: Rows = Field(description="Descriptions that this build may show, with licence.")
    indicators: Rows = Field(description="Medicare's indicators of the newest fee schedule, by component.")


class ModifierFacts(BaseModel):
    """A modifier."""

    modifier: Rows = Field(description="Its names over time.")
    groups: Rows
    rules: Rows


class PayerFacts(BaseModel):
    """A payer."""

    payer: Rows
    organizations: Rows
    aliases: Rows
    rules: Rows


class Explained(BaseModel):
    """Why a cell says what it says."""

    question: dict[str, Any] = Field(description="The question as it was understood.")
    rows: Rows = Field(description="The rules considered, the winner first.")


class Health(BaseModel):
    """Whether the current release answers."""

    status: str
    release: str


class Resolved(BaseModel):
    """Whom a payer's name means."""

    name: str
    payer_id: str | None = Field(description="Null where the name means none of the payers for certain.")
    organization_id: str | None
    line_of_business: str
    market: str
    alias: str | None
    evidence: str | None
    status: str
    reason: str
