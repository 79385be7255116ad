"""Rules of the reference of `payref check` that look at one line alone."""

import re
from collections.abc import Callable, Iterator
from datetime import date
from decimal import Decimal
from typing import NamedTuple

from bench.check_claims import Line, looks_like
from bench.check_facts import PUBLISHED_TIERS, Facts, Row, Scope, cited, covering, in_force, is_after
from schemas.vocabulary import CODE_PATTERN, COMPONENTS, MODIFIER_PATTERN

_AGAINST = ("not_published", "not_allowed", "not_applicable", "not_paid")
_SPOKEN_OF = (*_AGAINST, "allowed_with_documentation")
_WHOLE = 100


class Found(NamedTuple):
    """A finding before it is put into words."""

    rule_id: str
    severity: str
    column_name: str
    value: str | None
    other: str | None = None
    detail: str | None = None
    effect_percent: Decimal | None = None
    effect_units: Decimal | None = None
    effect_formula: str | None = None
    medicare_disposition: str | None = None
    medicare_effect_percent: Decimal | None = None
    answer_rule_id: str | None = None
    related_row: int | None = None
    is_stale: bool = False
    citation: str | None = None


class Fit(NamedTuple):
    """A set of modifiers that speaks about a line."""

    nearness: int
    """1 the payer's own, 2 Medicare's for another payer, 3 everybody's."""
    distance: int
    group_id: str
    group: Row
    severity: str
    is_medicares: bool


def payer_is_known(_facts: Facts, line: Line, scope: Scope) -> Iterator[Found]:
    """A name that means one of the payers for certain."""
    if scope.status == "licensee_open":
        yield Found("payer.licensee_open", "unknown", "payer", line.payer, detail=scope.reason)
    elif scope.status != "resolved":
        yield Found("payer.unknown", "unknown", "payer", line.payer, detail=scope.reason)


def code_is_in_force(facts: Facts, line: Line, _scope: Scope) -> Iterator[Found]:
    """A code that some source lists on the day."""
    spans = facts.codes.get(line.code, [])
    if any(in_force(span, line.judged_on) for span in spans):
        return
    is_stale = is_after(facts.fee_releases, line.judged_on)
    if not re.match(CODE_PATTERN, line.code):
        yield Found("code.malformed", "error", "code", line.code, detail=_advice("code", line.code), is_stale=is_stale)
    elif not spans:
        yield Found("code.unknown", "unknown", "code", line.code, is_stale=is_stale)
    else:
        yield _code_not_in_force(facts, line, spans)._replace(is_stale=is_stale)


def _code_not_in_force(facts: Facts, line: Line, spans: list[Row]) -> Found:
    """Published is an absence after the last listing, within a release of a source that lists it, or before CMS added it."""
    day = line.judged_on
    until = max((span["valid_to"] for span in spans if span["valid_to"] and span["valid_to"] < day), default=None)
    since = min((span["valid_from"] for span in spans if span["valid_from"] > day), default=None)
    is_published = (
        (until is not None and since is None)
        or any(covering(facts, listing["source"], day) for listing in facts.listings.get(line.code, []))
        or any(dated["valid_from"] > day for dated in facts.hcpcs.get(line.code, []))
    )
    if until:
        detail = f"it was listed until {until}" + (f" and is again from {since}" if since else "") + "."
    else:
        detail = f"it is listed from {since}" + ("." if is_published else ", and no release here covers the day.")
    newest = max(spans, key=lambda span: span["valid_from"])
    severity = "error" if is_published else "unknown"
    return Found("code.not_in_force", severity, "code", line.code, detail=detail, citation=newest["source_file"])


def modifiers_are_in_force(facts: Facts, line: Line, _scope: Scope) -> Iterator[Found]:
    """Modifiers that are listed on the day. CMS lists all that start with a letter, the AMA's figures are not public."""
    for slot, modifier in line.modifiers:
        spans = sorted(facts.modifiers.get(modifier, []), key=lambda span: span["valid_from"])
        if any(in_force(span, line.judged_on) for span in spans):
            continue
        column = f"modifier_{slot}"
        release = covering(facts, "cms_hcpcs", line.judged_on)
        title = release["title"] if release else None
        if not re.match(MODIFIER_PATTERN, modifier):
            yield Found("modifier.malformed", "error", column, modifier, detail=_advice("modifier", modifier), citation=title)
        elif spans:
            said = ", ".join(map(_span, spans))
            yield Found("modifier.not_in_force", "error", column, modifier, detail=said, citation=cited(spans[0]))
        else:
            severity = "error" if modifier[0].isalpha() and release else "unknown"
            yield Found("modifier.unknown", severity, column, modifier, citation=title)


def _advice(column_name: str, value: str) -> str:
    says = looks_like(column_name, value)
    return f" It {says}." if says else ""


def _span(known: Row) -> str:
    return f"valid from {known['valid_from']}" + (f" to {known['valid_to']}" if known["valid_to"] else "")


def place_is_listed(facts: Facts, line: Line, _scope: Scope) -> Iterator[Found]:
    """A place of service of the list that covers the day."""
    release = covering(facts, "cms_pos", line.judged_on)
    if line.place_of_service is None or release is None:
        return
    if not any(in_force(place, line.judged_on) for place in facts.places.get(line.place_of_service, [])):
        name = "place_of_service"
        detail = _advice(name, line.place_of_service)
        yield Found("place_of_service.unknown", "error", name, line.place_of_service, detail=detail, citation=release["title"])


def diagnoses_are_listed(facts: Facts, line: Line, _scope: Scope) -> Iterator[Found]:
    """Diagnoses of the list that covers the day; with or without their point."""
    release = covering(facts, "cms_icd10cm", line.judged_on)
    if line.diagnosis is None or release is None:
        return
    for name in sorted({name for name in re.split("[ ;,|]+", line.diagnosis.upper()) if name}):
        if not any(in_force(listed, line.judged_on) for listed in facts.diagnoses.get(name.replace(".", ""), [])):
            yield Found("diagnosis.unknown", "error", "diagnosis", name, citation=release["title"])


def component_of(facts: Facts, line: Line, modifier: str | None) -> str:
    """The fee schedule row that answers: of 26, TC or 53 where the line carries that modifier and the code has the row."""
    rows = [row["component"] for row in facts.profiles.get(line.code, []) if in_force(row, line.judged_on)]
    default = min(rows, key=COMPONENTS.index, default="global")
    if modifier in COMPONENTS:
        return default
    return next((name for _, name in line.modifiers if name in COMPONENTS and name in rows), default)


def is_answerable(facts: Facts, line: Line) -> bool:
    """Does a source list the line's code on its day, or only later? Dated rules of payers answer for days before it, too."""
    spans = facts.codes.get(line.code, [])
    return any(in_force(span, line.judged_on) for span in spans) or (
        bool(spans) and line.judged_on < min(span["valid_from"] for span in spans)
    )


def is_valid(facts: Facts, modifier: str, day: date) -> bool:
    """Is a modifier in force on a day?"""
    return any(in_force(known, day) for known in facts.modifiers.get(modifier, []))


def medicares_answer(facts: Facts, line: Line, modifier: str) -> Row | None:
    """What Medicare says everywhere about a modifier on a line's code."""
    answer_set = facts.answer_sets.get((line.code, component_of(facts, line, modifier)))
    rows = facts.answers.get((answer_set, "medicare", modifier), [])
    everywhere = [
        row for row in rows if (row["organization_id"], row["line_of_business"], row["market"]) == ("any", "any", "any")
    ]
    return next((row for row in everywhere if in_force(row, line.judged_on)), None)


def payers_answer(facts: Facts, line: Line, scope: Scope, modifier: str) -> Row | None:
    """What the payer says: the nearest organization first, then its market, then its line of business."""
    answer_set = facts.answer_sets.get((line.code, component_of(facts, line, modifier)))
    fitting = [
        row
        for row in facts.answers.get((answer_set, scope.payer_id, modifier), [])
        if in_force(row, line.judged_on)
        and row["line_of_business"] in ("any", scope.line_of_business)
        and row["market"] in ("any", scope.market)
        and (scope.organization_id, row["organization_id"]) in facts.distances
    ]
    return min(
        fitting,
        key=lambda row: (
            facts.distances[scope.organization_id, row["organization_id"]],
            row["market"] == "any",
            row["line_of_business"] == "any",
        ),
        default=None,
    )


def modifiers_are_allowed(facts: Facts, line: Line, scope: Scope) -> Iterator[Found]:
    """What the payer answers about each modifier that is in force, on a code that was not taken off the lists."""
    if is_answerable(facts, line):
        for slot, modifier in line.modifiers:
            if is_valid(facts, modifier, line.judged_on):
                found = _answered(facts, line, scope, modifier)
                if found:
                    yield found._replace(column_name=f"modifier_{slot}")


def _answered(facts: Facts, line: Line, scope: Scope, modifier: str) -> Found | None:
    answer, medicare = payers_answer(facts, line, scope, modifier), medicares_answer(facts, line, modifier)
    disposition = answer["disposition"] if answer else "not_published"
    percent, units, formula = (
        (answer["effect_percent"], answer["effect_units"], answer["effect_formula"]) if answer else (None, None, None)
    )
    changes = (percent is not None and percent != _WHOLE) or (units is not None and units != 0) or formula is not None
    if disposition not in _SPOKEN_OF and not changes:
        return None
    rule_id = answer["rule_id"] if answer else None
    source = rule_id or (medicare["rule_id"] if medicare else None)
    return Found(
        _kind(facts, line, modifier, disposition),
        _severity(disposition, answer["tier"] if answer else None),
        "",
        modifier,
        detail=answer["reason"] if answer else _no_answer(facts, line, scope, modifier),
        effect_percent=percent,
        effect_units=units,
        effect_formula=formula,
        medicare_disposition=medicare["disposition"] if medicare else "not_published",
        medicare_effect_percent=medicare["effect_percent"] if medicare else None,
        answer_rule_id=rule_id,
        is_stale=is_after(facts.fee_releases, line.judged_on),
        citation=cited(facts.rules[source]) if source else None,
    )


def _kind(facts: Facts, line: Line, modifier: str, disposition: str) -> str:
    section = min(span["section"] for span in facts.codes[line.code])
    is_off_visit = modifier in facts.for_visits and section != "evaluation_management"
    if is_off_visit and disposition in ("not_published", "not_allowed"):
        return "modifier.visits_only"
    is_multiple = modifier in facts.for_multiples and _is_add_on(facts, line)
    if is_multiple and disposition in ("not_published", "not_allowed", "not_applicable"):
        return "modifier.multiple_on_add_on"
    if disposition == "allowed_with_documentation":
        return "modifier.documentation"
    return f"modifier.{disposition}" if disposition in _AGAINST else "modifier.effect"


def _is_add_on(facts: Facts, line: Line) -> bool:
    """The fee schedule says so by its global period, or NCCI lists the code as one."""
    rows = [row for row in facts.profiles.get(line.code, []) if in_force(row, line.judged_on)]
    by_fee_schedule = any(row["global_days_code"] == "ZZZ" for row in rows)
    return by_fee_schedule or any(in_force(edit, line.judged_on) for edit in facts.addons.get(line.code, []))


def _severity(disposition: str, tier: str | None) -> str:
    """Only what the payer itself, or CMS for Medicare, published is an error."""
    if disposition == "not_published":
        return "unknown"
    if disposition not in _AGAINST:
        return "info"
    if tier == "inferred":
        return "unknown"
    return "error" if disposition == "not_allowed" and tier in PUBLISHED_TIERS else "warning"


def _no_answer(facts: Facts, line: Line, scope: Scope, modifier: str) -> str:
    if modifier not in facts.governed:
        return "No rule here says which codes take the modifier."
    return unasked(line) if scope.payer_id is None else "Nothing here answers for the code on that day."


def unasked(line: Line) -> str:
    """What is said where the payer is not known."""
    return f"No payer's rules were asked, because '{line.payer}' means none of the five payers for certain."


def fits(facts: Facts, line: Line, scope: Scope, kind: str) -> list[Fit]:
    """Sets of modifiers of a kind that speak about a line, the nearest first."""
    found = [_fit(facts, group, scope) for group in facts.groups if group["group_kind"] == kind and _holds(group, line, scope)]
    return sorted((fit for fit in found if fit is not None), key=lambda fit: fit[:3])


def _holds(group: Row, line: Line, scope: Scope) -> bool:
    """Is the set in force, and does it hold in the line's scope? Medicare's is shown to other payers whatever its scope."""
    if not in_force(group, line.judged_on, "effective_from", "effective_to"):
        return False
    fits_business = group["line_of_business"] in ("any", scope.line_of_business)
    if group["payer_id"] == "medicare":
        return fits_business or scope.payer_id != "medicare"
    if group["payer_id"] == "any":
        return True
    return group["payer_id"] == scope.payer_id and fits_business and group["market"] in ("any", scope.market)


def _fit(facts: Facts, group: Row, scope: Scope) -> Fit | None:
    is_own, is_everybodys = group["payer_id"] == scope.payer_id, group["payer_id"] == "any"
    distance = facts.distances.get((scope.organization_id if is_own else "any", group["organization_id"]))
    if distance is None:
        return None
    is_cms = group["tier"] in ("cms_indicator", "cms_manual")
    severity = "unknown"
    if is_own and group["tier"] != "inferred":
        severity = "error" if group["tier"] in PUBLISHED_TIERS else "warning"
    elif is_everybodys and scope.is_medicare and is_cms:
        severity = "error"
    nearness = 1 if is_own else 3 if is_everybodys else 2
    is_medicares = group["payer_id"] == "medicare" or (is_everybodys and is_cms)
    return Fit(nearness, distance, group["group_id"], group, severity, is_medicares)


def of_group(rule_id: str, fit: Fit, value: str, medicare: str) -> Found:
    """A finding that a set of modifiers makes; `medicare` is Medicare's answer where the set is Medicare's."""
    return Found(
        rule_id,
        fit.severity,
        "modifiers",
        value,
        detail=fit.group["reason"],
        medicare_disposition=medicare if fit.is_medicares else "not_published",
        answer_rule_id=fit.group_id,
        citation=fit.group["citation"],
    )


def modifiers_stand_once(_facts: Facts, line: Line, _scope: Scope) -> Iterator[Found]:
    """Each modifier once on a line."""
    for slot, modifier in line.repeated:
        yield Found("modifiers.repeated", "warning", f"modifier_{slot}", modifier)


def modifiers_go_together(facts: Facts, line: Line, scope: Scope) -> Iterator[Found]:
    """No two members of an exclusive set. The same members are told once, by the nearest set."""
    told: set[str] = set()
    for fit in fits(facts, line, scope, "exclusive"):
        present = sorted({modifier for _, modifier in line.modifiers if modifier in fit.group["members"]})
        members = " ".join(present)
        if fit.group["applies_to"] == "claim" or len(present) == 1 or not present or members in told:
            continue
        told.add(members)
        is_performer = all(facts.categories.get(modifier) == "anesthesia_performer" for modifier in present)
        rule_id = "anesthesia.two_performers" if is_performer else "modifiers.exclusive"
        yield of_group(rule_id, fit, members, "not_allowed")


def modifiers_stand_in_order(facts: Facts, line: Line, scope: Scope) -> Iterator[Found]:
    """Each two modifiers in the order that the nearest set with both demands."""
    ordered = fits(facts, line, scope, "position")
    for at, (_, first) in enumerate(line.modifiers):
        for _, second in line.modifiers[at + 1 :]:
            nearest = next((fit for fit in ordered if {first, second} <= fit.group["members"].keys()), None)
            if nearest and nearest.group["members"][first] > nearest.group["members"][second]:
                yield of_group("modifiers.position", nearest, first, "not_allowed")._replace(other=second)


def anesthesia_names_its_performer(facts: Facts, line: Line, scope: Scope) -> Iterator[Found]:
    """One of a required set on codes for which the set's payer answers `required`; the nearest set tells."""
    if not is_answerable(facts, line):
        return
    answer_set = facts.answer_sets.get((line.code, component_of(facts, line, "26")))
    for fit in fits(facts, line, scope, "required_one_of"):
        members = fit.group["members"]
        needed = sorted(
            modifier
            for modifier in members
            if any(
                row["disposition"] == "required" and row["market"] == "any" and in_force(row, line.judged_on)
                for row in facts.answers.get((answer_set, fit.group["payer_id"], modifier), [])
            )
        )
        if needed and not any(modifier in members for _, modifier in line.modifiers):
            yield of_group("anesthesia.no_performer", fit, " ".join(needed), "required")
            return


RULES: tuple[Callable[[Facts, Line, Scope], Iterator[Found]], ...] = (
    payer_is_known,
    code_is_in_force,
    modifiers_are_in_force,
    place_is_listed,
    diagnoses_are_listed,
    modifiers_are_allowed,
    modifiers_stand_once,
    modifiers_go_together,
    modifiers_stand_in_order,
    anesthesia_names_its_performer,
)
