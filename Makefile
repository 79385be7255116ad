# Every command of the project is written here and nowhere else; pre-commit and CI call these rules.

PYTHON ?= python3
BIN := .venv/bin
SOURCES := schemas transforms flows tests bench docs

.PHONY: refresh test check format lock bench peers released notebook clean help

refresh: .venv/installed  ## publish a release of what raw/ holds into output/
	$(BIN)/payref refresh

test: .venv/installed  ## run the tests
	$(BIN)/pytest -n 3 --dist loadfile --no-loadscope-reorder

check: .venv/installed  ## linter, formatter check, type checker
	$(BIN)/ruff check $(SOURCES)
	$(BIN)/ruff format --check $(SOURCES)
	$(BIN)/mypy schemas transforms flows bench

format: .venv/installed  ## let the linter and the formatter mend what they can
	$(BIN)/ruff check --fix $(SOURCES)
	$(BIN)/ruff format $(SOURCES)

lock: .venv/installed  ## renew requirements.lock
	UV_CUSTOM_COMPILE_COMMAND="make lock" $(BIN)/uv pip compile --universal --python-version 3.11 --generate-hashes \
		--no-emit-index-url --no-emit-find-links --extra dev --quiet pyproject.toml --output-file requirements.lock

bench: .venv/installed  ## measure a refresh; RAW=folder for other files than raw/
	$(BIN)/python -m bench.refresh $(if $(RAW),--raw $(RAW))

peers: .venv/installed  ## compare with pandas and dbt; RAW=folder with all published files
	test -x .venv-peers/bin/python || $(PYTHON) -m venv .venv-peers
	.venv-peers/bin/python -m pip install --quiet --disable-pip-version-check --requirement bench/peers/requirements.txt
	$(BIN)/python -m bench.sources --raw $(RAW) --peers-python .venv-peers/bin/python

released: .venv/installed  ## note the declared tables as those last released
	$(BIN)/python -m schemas.derive.release_snapshot

notebook: .venv/installed  ## run docs/notebook.ipynb on output/current and keep what it prints
	$(BIN)/python -m tests.notebook output/current

clean:  ## remove the environment and everything that was made
	rm -rf .venv .venv-peers output .pytest_cache .mypy_cache .ruff_cache .hypothesis

help:  ## list the rules
	@grep -E '^[a-z]+:.*##' Makefile | sed 's/:[^#]*## /\t/'

.venv/installed: requirements.lock pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps --requirement requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch .venv/installed
