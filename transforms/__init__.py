"""How frames become other frames: pure functions that know no file, clock, network, Prefect or DuckDB."""
