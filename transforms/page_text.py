"""Text pages about one code, in the two layouts in which they come: parsed into facts, without judging them.

`analysis` pages open with 'Summary & Overview' and name payers, service type and site; `coding` pages carry an official and a
common-language description, often behind a registration.
"""

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

ANALYSIS_OPENING = "Summary & Overview"
OFFICIAL, COMMON = "Official Description", "Common Language Description"
GATE = "Register to view content"
_SECTIONS = (
    ANALYSIS_OPENING,
    "Billing Code Overview",
    "Clinical & Coding Specifications",
    "Clinical Context",
    "Coding Specifications",
)
_CODE = r"[0-9]{5}|[0-9]{4}[A-Z]|[A-Z][0-9]{4}"
_DIAGNOSIS = re.compile(r"[A-Z][0-9][0-9A-Z](\.[0-9A-Z]{1,4})?")
_BULLET = re.compile(
    rf"^- (Modifier (?P<modifier>[0-9A-Z]{{2}})|Taxonomy (?P<taxonomy>[0-9A-Z]{{10}})|Related code (?P<code>{_CODE})): "
)
_WORDS = (
    "one two three four five six seven eight nine ten "
    "eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen twenty"
)
_NUMBERS = {word: value for value, word in enumerate(_WORDS.split(), start=1)}
_NUMBER = rf"({'|'.join(_NUMBERS)}|[0-9]{{1,6}}\b)"
_THINGS = r"(?:[a-z]+ ){0,2}?([a-z]+s)\b"
_BANDS = re.compile(
    rf"up to (?P<most>{_NUMBER}) {_THINGS}|more than (?P<above>{_NUMBER}) {_THINGS}"
    rf"|(?P<least>{_NUMBER}) or more {_THINGS}|(?P<low>{_NUMBER}) or (?P<high>{_NUMBER}) {_THINGS}",
    re.IGNORECASE | re.ASCII,
)
_SHORTEST_PARAGRAPH = 80
"""Characters; shorter lines below a description are navigation."""


class PageRefusedError(Exception):
    """A page that cannot be attributed to one code. Carries rule id, line, value and reason for the finding."""

    def __init__(self, rule_id: str, *, line: int, value: str, reason: str) -> None:
        """`line` is 1-based."""
        super().__init__(reason)
        self.rule_id, self.line, self.value, self.reason = rule_id, line, value, reason


class Line(NamedTuple):
    """A line of the page with its 1-based number."""

    number: int
    text: str


class Band(NamedTuple):
    """Bounds in units for one code; None is no bound stated."""

    line: int
    code: str
    unit_basis: str
    lower: int | None
    upper: int | None


class Text(NamedTuple):
    """A description, with the owner that the page names for it."""

    kind: str
    text: str
    holder: str | None


class Claim(NamedTuple):
    """A statement of the page about its code."""

    line: int
    kind: str
    claim: str


class Page(NamedTuple):
    """Everything read off one page."""

    page_format: str
    code_system: str
    code: str
    texts: Sequence[Text]
    claims: Sequence[Claim]
    bands: Sequence[Band]
    related: Sequence[tuple[int, str]]
    diagnoses: Sequence[tuple[int, str, str]]
    """Line, ICD-10-CM code, and `vignette` inside the clinical example or `stated` elsewhere."""
    gated_section_count: int
    is_truncated: bool
    holders: Sequence[str]


def parse(text: str) -> Page:
    """The facts of a page. Raises PageRefusedError where the layout is unknown or the page is not about exactly one code."""
    lines = [Line(number, line.strip()) for number, line in enumerate(text.splitlines(), start=1)]
    filled = [line for line in lines if line.text]
    if filled and filled[0].text == ANALYSIS_OPENING:
        return _analysis(filled)
    if any(line.text == OFFICIAL for line in filled):
        return _coding(lines)
    raise PageRefusedError(
        "code_page.format.known",
        line=1,
        value=filled[0].text[:80] if filled else "",
        reason=f"A page must open with '{ANALYSIS_OPENING}' or hold the heading '{OFFICIAL}'.",
    )


def _analysis(lines: Sequence[Line]) -> Page:
    system, code = _titled_code(lines)
    sections = dict(_sectioned(lines))
    overview = [line for line in sections[ANALYSIS_OPENING] if line.number > lines[1].number]
    bullets = [(line, found) for line in sections.get("Coding Specifications", []) if (found := _BULLET.match(line.text))]
    return Page(
        page_format="analysis",
        code_system=system,
        code=code,
        texts=[Text("overview", overview[0].text, None)] if overview else [],
        claims=[*_prose_claims(lines), *_bullet_claims(bullets)],
        bands=_bands(lines),
        related=[(line.number, found["code"]) for line, found in bullets if found["code"]],
        diagnoses=[
            (line.number, diagnosis, "vignette" if name == "Clinical Context" else "stated")
            for name, section in sections.items()
            for line in section
            for diagnosis in _diagnoses(line.text)
        ],
        gated_section_count=sum(line.text == GATE for line in lines),
        is_truncated=not bullets,
        holders=_holders(lines),
    )


def _coding(lines: Sequence[Line]) -> Page:
    official, official_holder = _described(lines, OFFICIAL, shortest=1)
    common, common_holder = _described(lines, COMMON, shortest=_SHORTEST_PARAGRAPH)
    body = [Line(line.number, line.text) for line in common]
    code = _code_of(lines, body)
    mentioned = [
        (line.number, other) for line in body for other in re.findall(rf"CPT® Code ({_CODE})", line.text) if other != code
    ]
    texts = [Text("official", " ".join(line.text for line in official), official_holder or "American Medical Association")]
    texts += [Text("plain_language", " ".join(line.text for line in body), common_holder)]
    return Page(
        page_format="coding",
        code_system="CPT",
        code=code,
        texts=[text for text in texts if text.text and not re.fullmatch(r"\[.*\]", text.text)],
        claims=[],
        bands=_bands(body),
        related=mentioned,
        diagnoses=[(line.number, diagnosis, "stated") for line in body for diagnosis in _diagnoses(line.text)],
        gated_section_count=sum(line.text == GATE for line in lines),
        is_truncated=not body or not re.search(r"[.!?)\"”]$", body[-1].text),
        holders=_holders(lines),
    )


def _titled_code(lines: Sequence[Line]) -> tuple[str, str]:
    title = lines[1] if len(lines) > 1 else Line(1, "")
    head = re.match(r"^(CPT|HCPCS)\b([^:]*):", title.text)
    return (head[1] if head else ""), _only_code(re.findall(rf"\b(?:{_CODE})\b", head[2]) if head else [], title)


def _code_of(lines: Sequence[Line], body: Sequence[Line]) -> str:
    """Code of a coding page: the first one its description names, which must be the one the page asks questions about."""
    first = [code for line in body for code in re.findall(rf"CPT® Code ({_CODE})", line.text)][:1]
    asked = [code for line in lines for code in re.findall(rf"^Have a question about CPT® Code ({_CODE})", line.text)]
    at = body[0] if body else Line(1, "")
    return _only_code(list(dict.fromkeys([*first, *asked])), at)


def _only_code(codes: Sequence[str], at: Line) -> str:
    if not codes:
        raise PageRefusedError(
            "code_page.code.present", line=at.number, value=at.text[:80], reason="The page carries no recognisable code."
        )
    if len(codes) > 1:
        raise PageRefusedError(
            "code_page.code.single",
            line=at.number,
            value=", ".join(codes),
            reason="The page is about several codes, so its statements belong to none of them for certain.",
        )
    return codes[0]


def _sectioned(lines: Sequence[Line]) -> Iterator[tuple[str, list[Line]]]:
    starts = [index for index, line in enumerate(lines) if line.text in _SECTIONS]
    for start, end in zip(starts, [*starts[1:], len(lines)], strict=True):
        yield lines[start].text, list(lines[start + 1 : end])


def _described(lines: Sequence[Line], heading: str, *, shortest: int) -> tuple[list[Line], str | None]:
    """Paragraphs below a heading, and the owner named right below them."""
    at = next((index for index, line in enumerate(lines) if line.text == heading), len(lines))
    paragraphs: list[Line] = []
    for line in lines[at + 1 :]:
        if holder := _holder(line.text):
            return paragraphs, holder
        if line.text and (len(line.text) < shortest or line.text == COMMON):
            return paragraphs, None
        if line.text:
            paragraphs.append(line)
    return paragraphs, None


def _prose_claims(lines: Sequence[Line]) -> Iterator[Claim]:
    frames = (
        ("payer", r"Key payers included in this analysis are ([^.]+)\."),
        ("service_type", r"The service type is ([^.]+)\."),
        ("site_of_service", r"The typical site of service is ([^.]+)\."),
    )
    for line in lines:
        for kind, frame in frames:
            for statement in re.findall(frame, line.text):
                parts = re.split(r",\s*and\s+|,\s*|\s+and\s+", statement) if kind == "payer" else [statement]
                yield from (Claim(line.number, kind, part.strip()) for part in parts if part.strip())


def _bullet_claims(bullets: Sequence[tuple[Line, re.Match[str]]]) -> Iterator[Claim]:
    for line, found in bullets:
        for kind in ("modifier", "taxonomy"):
            if found[kind]:
                yield Claim(line.number, kind, found[kind])


def _bands(lines: Sequence[Line]) -> list[Band]:
    """Unit bounds from sentences that hold as many bounds as codes: the first bound belongs to the first code, and so on."""
    found: dict[str, Band] = {}
    for line in lines:
        for sentence in re.split(r"(?<=[.!?])\s+", line.text):
            codes, bounds = re.findall(rf"CPT® Code ({_CODE})", sentence), list(_BANDS.finditer(sentence))
            if len(codes) == len(bounds):
                for code, bound in zip(codes, bounds, strict=True):
                    found.setdefault(code, _band(line.number, code, bound))
    return list(found.values())


def _band(line: int, code: str, bound: re.Match[str]) -> Band:
    limits = {name: _number(value) for name, value in bound.groupdict().items() if value}
    things = [group for group in bound.groups() if group and not re.fullmatch(_NUMBER, group, re.IGNORECASE | re.ASCII)][-1]
    lower = limits["above"] + 1 if "above" in limits else limits.get("least", limits.get("low", 1))
    return Band(line, code, things.lower().removesuffix("s"), lower, limits.get("most", limits.get("high")))


def _number(text: str) -> int:
    return _NUMBERS.get(text.lower()) or int(text)


def _diagnoses(text: str) -> Iterator[str]:
    for inside in re.findall(r"\(([^()]*)\)", text):
        parts = [part.strip() for part in re.split(r"[,;]", inside)]
        yield from (part for part in parts if _DIAGNOSIS.fullmatch(part))


def _holder(text: str) -> str | None:
    found = re.match(r"^© Copyright [0-9]{4} (.+?)\.(?: All rights reserved\.)?$", text)
    return found[1] if found else None


def _holders(lines: Sequence[Line]) -> list[str]:
    return list(dict.fromkeys(holder for line in lines if (holder := _holder(line.text))))
