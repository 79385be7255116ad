"""Name of the database file in every release."""

DATABASE = "payer_reference.duckdb"
