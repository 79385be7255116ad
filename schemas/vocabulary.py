"""Words that several tables share."""

from datetime import date

BEGINNING = date(1966, 7, 1)
"""First day of Medicare: no question is older, and what has no known first day is taken to hold since then."""
PAYERS = ("aetna", "bcbs", "cigna", "medicare", "uhc")
CODE_SYSTEMS = ("CPT", "HCPCS")
COMPONENTS = ("global", "26", "TC", "53")
"""Row of the fee schedule: the whole service, professional part, technical part, discontinued procedure."""
CODE_PATTERN = r"^([0-9]{5}|[0-9]{4}[A-Z]|[A-Z][0-9]{4})$"
MODIFIER_PATTERN = r"^[0-9A-Z]{2}$"
DIAGNOSIS_PATTERN = r"^[A-Z][0-9A-Z]{2}(\.[0-9A-Z]{1,4})?$"
"""Since fiscal year 2026 (QA0) the second character is not always a digit."""
_STATES = (
    "AK AL AR AS AZ CA CO CT DC DE FL GA GU HI IA ID IL IN KS KY LA MA MD ME MI MN MO MP MS MT NC ND NE NH NJ NM NV NY "
    "OH OK OR PA PR RI SC SD TN TX UT VA VI VT WA WI WV WY"
)
MARKETS = ("any", *_STATES.split())
"""USPS codes of states, districts and territories."""
LINES_OF_BUSINESS = ("any", "commercial", "exchange", "fep", "medicaid", "medicare_advantage", "medicare_ffs")
DISPOSITIONS = (
    "allowed",
    "allowed_with_documentation",
    "required",
    "informational",
    "not_paid",
    "not_allowed",
    "not_applicable",
    "not_published",
)
EFFECT_KINDS = ("percent", "units", "formula", "component_row", "by_report", "none")
TIERS = ("cms_indicator", "cms_manual", "payer_policy", "trade_press", "inferred", "hospital_published")
"""From the strongest source to the weakest. What a hospital publishes is one contract, not the payer's rule: it stands last."""
TARGET_LINES = ("line", "evaluation_management", "procedure", "anesthesia", "technical_component", "practice_expense")
SECTIONS = (
    "administrative_laboratory",
    "anesthesia",
    "category_2",
    "category_3",
    "evaluation_management",
    "level_2",
    "medicine",
    "pathology",
    "proprietary_laboratory",
    "radiology",
    "surgery",
    "vaccine_administration",
)
SEVERITIES = ("refused", "warning", "info")
