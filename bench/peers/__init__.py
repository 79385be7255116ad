"""What one would write first for the same files: plain pandas, and dbt with DuckDB. Each is one side of `bench.sources`."""
