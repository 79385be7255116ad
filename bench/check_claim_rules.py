"""Rules of the reference of `payref check` that look at all lines of a claim."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from datetime import date
from decimal import Decimal

from bench.check_claims import Line
from bench.check_facts import Facts, Row, Scope, in_force, is_after
from bench.check_line_rules import Found, fits, is_answerable, is_valid, medicares_answer, of_group

Claim = Sequence[Line]
Scopes = dict[int, Scope]
_MANY = 2


def lines_come_once(_facts: Facts, claim: Claim, _scopes: Scopes) -> Iterator[tuple[int, Found]]:
    """A number of a line stands once on a claim."""
    first: dict[str, int] = {}
    for line in claim:
        if line.line in first:
            found = Found("line.repeated", "warning", "line", line.line, other=line.claim, related_row=first[line.line])
            yield line.source_row, found
        first.setdefault(line.line, line.source_row)


def modifiers_go_together_on_the_claim(facts: Facts, claim: Claim, scopes: Scopes) -> Iterator[tuple[int, Found]]:
    """Members of a set that is counted over the claim, on lines of one code; told on the last of those lines."""
    for code in {line.code: None for line in claim}:
        lines = [line for line in claim if line.code == code]
        for group in facts.groups:
            if group["group_kind"] != "exclusive" or group["applies_to"] != "claim":
                continue
            carrying = [line for line in lines if any(modifier in group["members"] for _, modifier in line.modifiers)]
            present = sorted({modifier for line in carrying for _, modifier in line.modifiers if modifier in group["members"]})
            if len(present) < _MANY:
                continue
            last = carrying[-1]
            for fit in fits(facts, last, scopes[last.source_row], "exclusive"):
                if fit.group_id == group["group_id"]:
                    found = of_group("modifiers.exclusive_on_claim", fit, " ".join(present), "not_allowed")
                    yield last.source_row, found._replace(related_row=_unless_same(carrying[0].source_row, last))


def pairs_are_bypassed(facts: Facts, claim: Claim, scopes: Scopes) -> Iterator[tuple[int, Found]]:
    """Pairs of codes of one claim and day: column two is denied, unless indicator 1 and an NCCI-associated modifier."""
    for lines in _by_day(claim):
        codes = {line.code: line.source_row for line in reversed(lines)}
        for line in lines:
            for one, first_row in codes.items():
                edits = [row for row in facts.pairs.get((one, line.code), []) if in_force(row, line.judged_on)]
                if edits and one != line.code:
                    ones = [each for each in lines if each.code == one]
                    found = _pair(facts, line, ones, edits, scopes[line.source_row])
                    if found:
                        yield line.source_row, found._replace(other=one, related_row=first_row)


def _pair(facts: Facts, line: Line, ones: Claim, edits: list[Row], scope: Scope) -> Found | None:
    """What a pair means for its second column; other payers than Medicare hear of it where something may be denied."""
    on_column_one = [(modifier, _placed(facts, modifier)) for one in ones for modifier in _bypassing(facts, one)]
    dated = [modifier for modifier, since in on_column_one if since and since <= line.judged_on]
    bypass = min(_bypassing(facts, line), default=None) or min(dated, default=None)
    undated = min((modifier for modifier, since in on_column_one if since is None), default=None)
    indicators = {row["modifier_indicator"] for row in edits}
    if bypass and "0" not in indicators and not scope.is_medicare:
        return None
    rule_id, severity, medicare = _kind_of_pair(indicators, bypass, undated)
    is_denied = medicare == "not_allowed"
    return Found(
        rule_id,
        "unknown" if is_denied and not scope.is_medicare else severity,
        "code",
        line.code,
        detail=_advice(facts, line, ones[0].code) if rule_id == "ncci.pair_without_modifier" else bypass or undated,
        effect_percent=Decimal(0) if is_denied and scope.is_medicare else None,
        medicare_disposition=medicare,
        is_stale=is_after(facts.ncci_releases.get("ncci_ptp", []), line.judged_on),
        citation=min(map(_line_of_file, edits)),
    )


def _kind_of_pair(indicators: set[str], bypass: str | None, undated: str | None) -> tuple[str, str, str]:
    """Rule, severity and Medicare's answer."""
    if len(indicators) > 1:
        return "ncci.pair_contradictory", "unknown", "not_published"
    if "0" in indicators:
        return "ncci.pair_never", "error", "not_allowed"
    if bypass:
        return "ncci.pair_bypassed", "info", "allowed_with_documentation"
    if undated:
        return "ncci.pair_open", "unknown", "not_published"
    return "ncci.pair_without_modifier", "error", "not_allowed"


def _bypassing(facts: Facts, line: Line) -> list[str]:
    """NCCI-associated modifiers of a line, but for those that Medicare does not take on its code."""
    associated = [modifier for _, modifier in line.modifiers if _is_associated(facts, modifier, line.judged_on)]
    return [modifier for modifier in associated if not _is_refused(facts, line, modifier)]


def _advice(facts: Facts, line: Line, one: str) -> str:
    """Where which modifier may stand, if Medicare takes it there: any on column two, on column one since a rule says so."""
    associated = [modifier for modifier in sorted(facts.modifiers) if _is_associated(facts, modifier, line.judged_on)]
    dated = [modifier for modifier in associated if (since := _placed(facts, modifier)) and since <= line.judged_on]
    places = [
        f"on {code} ({', '.join(taken)})"
        for code, modifiers in ((line.code, associated), (one, dated))
        if (taken := [each for each in modifiers if not _is_never_taken(facts, code, each, line.judged_on)])
    ]
    if not places:
        return "Medicare takes none of them on either code."
    return f"Where clinically justified one may stand {' or '.join(places)}."


def _is_never_taken(facts: Facts, code: str, modifier: str, day: date) -> bool:
    """Does Medicare refuse a modifier on a code, whatever else stands on the line?"""
    rows = facts.answers.get((facts.answer_sets.get((code, "global")), "medicare", modifier), [])
    return any(
        row["disposition"] == "not_allowed"
        and in_force(row, day)
        and (row["organization_id"], row["line_of_business"], row["market"]) == ("any", "any", "any")
        for row in rows
    )


def _is_associated(facts: Facts, modifier: str, day: date) -> bool:
    return any(row["is_ncci_associated"] and in_force(row, day) for row in facts.modifiers.get(modifier, []))


def _is_refused(facts: Facts, line: Line, modifier: str) -> bool:
    answer = medicares_answer(facts, line, modifier)
    is_asked = is_answerable(facts, line) and is_valid(facts, modifier, line.judged_on)
    return is_asked and answer is not None and answer["disposition"] == "not_allowed"


def _placed(facts: Facts, modifier: str) -> date | None:
    """Since when Medicare takes a modifier on column one; nobody published it of the others."""
    rule = facts.rules.get(f"medicare.ncci.{modifier}")
    since: date | None = rule["effective_from"] if rule else None
    return since


def _units_are_within_the_limit(facts: Facts, lines: Claim, scope: Scope, kinds: dict[str, tuple[str, str]]) -> Iterator[Found]:
    """Units of lines of one code against its limit, where it counts in one of the ways in `kinds`."""
    last = lines[-1]
    units = sum((line.units for line in lines), Decimal(0))
    for limit in facts.limits.get(last.code, []):
        if limit["adjudication"] in kinds and in_force(limit, last.judged_on) and units > limit["mue_value"]:
            rule_id, detail = kinds[limit["adjudication"]]
            severity = "warning" if limit["adjudication"] == "day_appealable" else "error"
            yield Found(
                rule_id,
                severity if scope.is_medicare else "unknown",
                "units",
                f"{units.normalize():f}",
                other=f"{'unit' if units == 1 else 'units'} of {last.code}",
                detail=detail,
                effect_units=Decimal(limit["mue_value"]),
                medicare_disposition="not_paid",
                related_row=_unless_same(lines[0].source_row, last),
                is_stale=is_after(facts.ncci_releases.get("ncci_mue", []), last.judged_on),
                citation=_line_of_file(limit),
            )


def units_of_a_line(facts: Facts, claim: Claim, scopes: Scopes) -> Iterator[tuple[int, Found]]:
    """A limit per line is compared with each line."""
    kinds = {"line": ("units.over_limit_of_line", "lines may be split with a modifier where that is justified.")}
    for line in claim:
        for found in _units_are_within_the_limit(facts, [line], scopes[line.source_row], kinds):
            yield line.source_row, found


def units_of_a_day(facts: Facts, claim: Claim, scopes: Scopes) -> Iterator[tuple[int, Found]]:
    """A limit per day is compared with all lines of the code on that day; told on the last of them."""
    rule_id = "units.over_limit_of_day"
    kinds = {
        "day_absolute": (rule_id, "no appeal lifts it."),
        "day_appealable": (rule_id, "more may be paid on appeal."),
    }
    for lines in _by_day(claim):
        for code in {line.code: None for line in lines}:
            alike = [line for line in lines if line.code == code]
            for found in _units_are_within_the_limit(facts, alike, scopes[alike[-1].source_row], kinds):
                yield alike[-1].source_row, found


def add_ons_have_a_primary(facts: Facts, claim: Claim, scopes: Scopes) -> Iterator[tuple[int, Found]]:
    """One of an add-on code's primary codes on the claim and day.

    Nobody can tell where contractors choose them, or where a line of the claim was refused.
    """
    for lines in _by_day(claim):
        beside = {line.code for line in lines}
        for line in lines:
            edits = [edit for edit in facts.addons.get(line.code, []) if in_force(edit, line.judged_on)]
            if not edits or any(edit["primary_code"] in beside for edit in edits):
                continue
            is_open = any(edit["edit_type"] != "1" for edit in edits)
            is_untold = is_open or line.is_partly_read
            is_medicare = scopes[line.source_row].is_medicare
            yield (
                line.source_row,
                Found(
                    "addon.primary_open" if is_open else "addon.without_primary",
                    "unknown" if is_untold or not is_medicare else "error",
                    "code",
                    line.code,
                    other="; a line of the claim was refused, and its primary code may stand there"
                    if line.is_partly_read
                    else None,
                    effect_percent=Decimal(0) if is_medicare and not is_untold else None,
                    medicare_disposition="not_published" if is_untold else "not_paid",
                    is_stale=is_after(facts.ncci_releases.get("ncci_addon", []), line.judged_on),
                    citation=min(map(_line_of_file, edits)),
                ),
            )


def _by_day(claim: Claim) -> list[list[Line]]:
    days: dict[date, list[Line]] = defaultdict(list)
    for line in claim:
        days[line.service_date].append(line)
    return list(days.values())


def _unless_same(row: int, line: Line) -> int | None:
    return None if row == line.source_row else row


def _line_of_file(row: Row) -> str:
    return f"{row['source_file']}, line {row['source_row']}"


RULES: tuple[Callable[[Facts, Claim, Scopes], Iterator[tuple[int, Found]]], ...] = (
    lines_come_once,
    modifiers_go_together_on_the_claim,
    pairs_are_bypassed,
    units_of_a_line,
    units_of_a_day,
    add_ons_have_a_primary,
)
