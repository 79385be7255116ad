"""Tables of the pandas pipeline: columns with their types, keys, vocabularies, patterns."""
# mypy: disable-error-code="import-not-found, import-untyped"

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

import pyarrow as pa

TYPES = {
    "": pa.string(),
    "date": pa.date32(),
    "flag": pa.bool_(),
    "count": pa.int64(),
    "rvu": pa.decimal128(9, 2),
    "percent": pa.decimal128(5, 2),
    "factor": pa.decimal128(9, 4),
}
CODE = r"(?:[0-9]{5}|[0-9]{4}[A-Z]|[A-Z][0-9]{4})"


class TableSpec(NamedTuple):
    """Columns of a table and what must hold for them."""

    name: str
    columns: str
    """Names in their order, each with its type behind a colon unless it is text."""
    key: str
    nullable: str = ""
    values: Mapping[str, str] = MappingProxyType({})
    patterns: Mapping[str, str] = MappingProxyType({})

    @property
    def schema(self) -> pa.Schema:
        """The columns as Arrow wants them."""
        named = (column.partition(":") for column in self.columns.split())
        return pa.schema([(name, TYPES[kind]) for name, _, kind in named])


SPECS = (
    TableSpec(
        "pfs_indicator",
        """code_system code component valid_from:date release_id valid_to:date status_code is_not_used_for_payment:flag
        work_rvu:rvu nonfacility_pe_rvu:rvu is_rare_in_nonfacility:flag facility_pe_rvu:rvu is_rare_in_facility:flag
        malpractice_rvu:rvu nonfacility_total_rvu:rvu facility_total_rvu:rvu pctc_code global_days_code
        preoperative_percent:percent intraoperative_percent:percent postoperative_percent:percent multiple_procedure_code
        bilateral_code assistant_code co_surgeon_code team_surgeon_code pricing_code endoscopic_base_code
        conversion_factor_usd:factor supervision_code calculation_flag imaging_family_code opps_nonfacility_pe_rvu:rvu
        opps_facility_pe_rvu:rvu opps_malpractice_rvu:rvu source_file""",
        key="code_system code component valid_from",
        nullable="pricing_code endoscopic_base_code",
        values={
            "component": "global 26 TC 53",
            "status_code": "A B C D E F G H I J M N P R T X",
            "pctc_code": "0 1 2 3 4 5 6 7 8 9",
            "global_days_code": "000 010 090 MMM XXX YYY ZZZ",
            "multiple_procedure_code": "0 1 2 3 4 5 6 7 9",
            "bilateral_code": "0 1 2 3 9",
            "assistant_code": "0 1 2 9",
            "co_surgeon_code": "0 1 2 9",
            "team_surgeon_code": "0 1 2 9",
        },
        patterns={"code": CODE, "endoscopic_base_code": CODE},
    ),
    TableSpec(
        "hcpcs_code",
        """code_system code valid_from:date valid_to:date added_date:date action_effective_date:date termination_date:date
        action_code coverage_code price_1_code price_2_code price_3_code price_4_code multiple_pricing_code betos_code
        type_of_service_1_code type_of_service_2_code type_of_service_3_code type_of_service_4_code type_of_service_5_code
        anesthesia_base_unit_count:count asc_group_code asc_date:date outpatient_group_code outpatient_policy_code
        outpatient_group_date:date statute processing_note_code coverage_issues_sections carriers_manual_sections
        laboratory_certifications cross_reference_1 cross_reference_2 cross_reference_3 cross_reference_4 cross_reference_5
        release_id source_file""",
        key="code_system code valid_from",
        nullable="""valid_to added_date action_effective_date termination_date price_1_code price_2_code price_3_code price_4_code
        multiple_pricing_code betos_code type_of_service_1_code type_of_service_2_code type_of_service_3_code
        type_of_service_4_code type_of_service_5_code anesthesia_base_unit_count asc_group_code asc_date outpatient_group_code
        outpatient_policy_code outpatient_group_date statute processing_note_code coverage_issues_sections
        carriers_manual_sections laboratory_certifications cross_reference_1 cross_reference_2 cross_reference_3
        cross_reference_4 cross_reference_5""",
        values={"action_code": "A B C D F N P R S T", "coverage_code": "C D I M S"},
        patterns={"code": CODE},
    ),
    TableSpec(
        "ncci_ptp",
        """setting column_one_code column_two_code valid_from:date edit_number:count valid_to:date modifier_indicator
        is_ever_in_force:flag is_prior_to_1996:flag rationale release_id source_file""",
        key="setting column_one_code column_two_code valid_from edit_number",
        nullable="valid_to",
        values={"modifier_indicator": "0 1 9"},
        patterns={"column_one_code": CODE, "column_two_code": CODE},
    ),
    TableSpec(
        "ncci_mue",
        """setting code valid_from:date valid_to:date mue_value:count adjudication_indicator adjudication rationale release_id
        source_file""",
        key="setting code valid_from",
        nullable="valid_to",
        values={"adjudication_indicator": "1 2 3"},
        patterns={"code": CODE},
    ),
    TableSpec(
        "ncci_addon",
        """addon_code primary_code valid_from:date valid_to:date primary_kind edit_type is_ever_in_force:flag
        addon_deletion_date:date primary_deletion_date:date special_instruction release_id source_file""",
        key="addon_code primary_code valid_from",
        nullable="valid_to addon_deletion_date primary_deletion_date special_instruction",
        values={"edit_type": "1 2 3"},
        patterns={"addon_code": CODE, "primary_code": rf"{CODE}|CCCCC"},
    ),
    TableSpec(
        "diagnosis",
        """diagnosis_code valid_from:date valid_to:date is_billable:flag short_description long_description release_id
        source_file""",
        key="diagnosis_code valid_from",
        nullable="valid_to",
        patterns={"diagnosis_code": r"[A-Z][0-9A-Z]{2}(\.[0-9A-Z]{1,4})?"},
    ),
    TableSpec(
        "taxonomy",
        """taxonomy_code valid_from:date valid_to:date section grouping classification specialization display_name definition
        notes effective_date:date deactivation_date:date last_modified_date:date release_id source_file""",
        key="taxonomy_code valid_from",
        nullable="valid_to specialization notes definition effective_date deactivation_date last_modified_date",
        values={"section": "Individual Non-Individual"},
        patterns={"taxonomy_code": "[0-9A-Z]{9}X"},
    ),
    TableSpec(
        "place_of_service",
        """place_of_service_code valid_from:date valid_to:date place_name description effective_note is_facility:flag
        is_assigned:flag release_id source_file""",
        key="place_of_service_code valid_from",
        nullable="valid_to effective_note is_facility",
        patterns={"place_of_service_code": "[0-9]{2}"},
    ),
)
