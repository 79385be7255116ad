"""The schema version says what readers of the last released tables meet."""

import copy
import json

from flows import PROJECT
from schemas import SCHEMA_VERSION, TABLES
from schemas.derive.evolution import Evolution, evolution, least_version, parts, snapshot

RELEASED = json.loads((PROJECT / "schemas" / "released.json").read_text(encoding="utf-8"))


def test_the_schema_version_says_what_changed_since_the_last_release() -> None:
    changed = evolution(RELEASED["tables"], snapshot(TABLES))
    least = least_version(RELEASED["schema_version"], changed)
    told = "; ".join((*changed.breaking, *changed.additive))
    assert parts(SCHEMA_VERSION) >= parts(least), (
        f"Since schema version {RELEASED['schema_version']}: {told}. Raise SCHEMA_VERSION in schemas/__init__.py to {least} and say "
        "so in CHANGELOG.md. `make released` writes schemas/released.json anew; run it when this version of the project is released."
    )


def test_the_released_snapshot_is_one_of_its_version() -> None:
    assert set(RELEASED) == {"schema_version", "tables"}
    assert parts(RELEASED["schema_version"]) <= parts(SCHEMA_VERSION)


def test_removed_and_retyped_columns_break_and_added_ones_do_not() -> None:
    before = snapshot(TABLES)
    after = copy.deepcopy(before)
    del after["gpci"]
    after["payer"]["columns"]["is_licensee"] = "BOOLEAN"
    after["modifier"]["columns"].pop("source_row")
    after["answer"]["columns"]["effect_percent"] = "DOUBLE"
    after["profile_rule"]["key"] = ["rule_id"]
    after["fresh"] = after["payer"]
    found = evolution(before, after)
    assert found == Evolution(
        breaking=(
            "table gpci was removed",
            "column modifier.source_row was removed",
            "table profile_rule: the key profile_id, rule_id became rule_id",
            "column answer.effect_percent of type DECIMAL(7, 2) became DOUBLE",
        ),
        additive=("table fresh was added", "column payer.is_licensee was added"),
    )
    assert least_version("1.4", found) == "2.0"
    assert least_version("1.4", found._replace(breaking=())) == "1.5"
    assert least_version("1.4", Evolution((), ())) == "1.4"
