"""payref check: columns of a claim file that are not used, and what is asked about them."""

from pathlib import Path

import pytest

from flows.settings import UnknownNameError
from tests.flows.claim_builders import checked, enriched

REQUIRED = "claim,line,payer,code,units,service_date"
LINE = "A,1,Medicare,43235,1,2025-10-15"
NO_MODIFIERS = "The file has none of the columns modifier_1 to modifier_4, so its lines were judged without modifiers."


@pytest.fixture(scope="module")
def output(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return enriched(tmp_path_factory.mktemp("check"))


@pytest.mark.parametrize(
    ("names", "told"),
    [
        ("", [NO_MODIFIERS]),
        ("modifier_2", []),
        ("Modifier 1", []),
        ("modifier", ["Columns not used: modifier (did you mean modifier_1?).", NO_MODIFIERS]),
        ("Mod1,MOD_2", ["Columns not used: Mod1 (did you mean modifier_1?), MOD_2 (did you mean modifier_2?).", NO_MODIFIERS]),
        ("proc_modifier3", ["Columns not used: proc_modifier3 (did you mean modifier_3?).", NO_MODIFIERS]),
        ("modifier_1,modifier", ["Columns not used: modifier."]),
        ("modifier_1,modifer_2", ["Columns not used: modifer_2 (did you mean modifier_2?)."]),
        ("modifier_1,modifier_5,mod6", ["Columns not used: modifier_5 (only modifier_1 to modifier_4 are judged), mod6 (only modifier_1 to modifier_4 are judged)."]),
        ("modifier_1,pos,dx1", ["Columns not used: pos (did you mean place_of_service?), dx1 (did you mean diagnosis?)."]),
        ("modifier_1,icd10_code,lob", ["Columns not used: icd10_code (did you mean diagnosis?), lob (did you mean line_of_business?)."]),
        ("modifier_1,diagnosis,dx,diagnosis_code", ["Columns not used: dx, diagnosis_code."]),
        ("modifier_1,status,cost,payer_id,npi", ["Columns not used: status, cost, payer_id, npi."]),
        ("modifier_1,a\x07b", ["Columns not used: a\ufffdb."]),
    ],
)  # fmt: skip
def test_what_is_asked_about_columns_that_are_not_used(output: Path, tmp_path: Path, names: str, told: list[str]) -> None:
    header, line = (f"{REQUIRED},{names}", LINE + "," * (names.count(",") + 1)) if names else (REQUIRED, LINE)
    code, said, found = checked(output, tmp_path, line, header=header)
    assert (code, found) == (0, [])
    assert [each for each in said.splitlines() if "olumns" in each] == told


def test_a_missing_column_is_asked_for_under_the_name_that_it_has(output: Path, tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError) as stopped:
        checked(output, tmp_path, header="Claim No,line,payor,cpt,qty,dos,mod1,note")
    assert str(stopped.value).partition("; ")[2] == (
        "found Claim No, line, payor, cpt, qty, dos, mod1, note. By Claim No, did you mean claim? By payor, did you mean payer? "
        "By cpt, did you mean code? By qty, did you mean units? By dos, did you mean service_date?"
    )
