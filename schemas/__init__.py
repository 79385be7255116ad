"""What is true: every table of the dataset, declared once. Everything written about a table is derived from here."""

from schemas.base import Table
from schemas.cms_hcpcs import HcpcsCode
from schemas.cms_icd10cm import Diagnosis
from schemas.cms_ncci import NcciAddon, NcciMue, NcciPtp
from schemas.cms_pfs import AnesthesiaLocality, ConversionFactor, Gpci, LocalityCounty, OppsCap, PfsIndicator
from schemas.cms_pos import PlaceOfService
from schemas.code import Code, CodeClaim, CodeDescription, CodeDiagnosis, CodeListing, CodePage, CodeRelation, CodeSection
from schemas.cube import Answer, CodeAnswerSet, CodePayerModifier, CodeProfile, Contradiction, ProfileRule
from schemas.modifier import Modifier, ModifierGroup, ModifierListing
from schemas.nucc import Taxonomy
from schemas.payer import NameWord, OrganizationAncestor, Payer, PayerAlias, PayerOrganization
from schemas.pipeline import Change, Finding, RawFile, Release
from schemas.prices import ModifierObservation, NameReview, PriceFileWorklist, PublishedModifierEffect
from schemas.rule import ModifierRule
from schemas.search import SearchWord

SCHEMA_VERSION = "1.0"
"""Major.minor. A removed or retyped column raises the major number, an added one the minor number."""

TABLES: tuple[type[Table], ...] = (
    Code,
    CodeListing,
    CodeSection,
    CodeDescription,
    CodePage,
    CodeClaim,
    CodeRelation,
    CodeDiagnosis,
    SearchWord,
    Diagnosis,
    Taxonomy,
    PlaceOfService,
    Payer,
    PayerOrganization,
    OrganizationAncestor,
    PayerAlias,
    NameWord,
    Modifier,
    ModifierGroup,
    ModifierListing,
    PfsIndicator,
    ConversionFactor,
    Gpci,
    AnesthesiaLocality,
    OppsCap,
    LocalityCounty,
    HcpcsCode,
    NcciPtp,
    NcciMue,
    NcciAddon,
    ModifierRule,
    CodeProfile,
    ProfileRule,
    CodeAnswerSet,
    Answer,
    CodePayerModifier,
    Contradiction,
    ModifierObservation,
    PublishedModifierEffect,
    NameReview,
    PriceFileWorklist,
    Change,
    Release,
    RawFile,
    Finding,
)
"""Every table, in the order in which documents list it and the database loads it."""


def table(name: str) -> type[Table]:
    """The declaration of one table. Raises KeyError for a name that no table carries."""
    return {declared.table_name(): declared for declared in TABLES}[name]
