# Every target works from a fresh clone: it makes its own virtual environment first.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
RESULTS ?= results
BENCH := benchmarks/suites/paper-sysid.toml

.PHONY: help demo bench test check report clean

help:
	@echo "make demo    a burn-in study on two simulated systems, in minutes"
	@echo "make bench   the full reproduction on real data; go on after a stop with the same command"
	@echo "make report  the tables of $(RESULTS), from its records alone"
	@echo "make test    the tests"
	@echo "make check   lint, types, the order of the rooms, and the tests"

$(VENV)/.installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	@touch $@

demo: $(VENV)/.installed
	$(BIN)/sysid-tbptt run benchmarks/suites/demo.toml --results $(RESULTS)/demo --tables

bench: $(VENV)/.installed
	$(BIN)/sysid-tbptt run $(BENCH) --results $(RESULTS) --dry-run
	$(BIN)/sysid-tbptt run $(BENCH) --results $(RESULTS) --tables

report: $(VENV)/.installed
	$(BIN)/sysid-tbptt report --results $(RESULTS)

test: $(VENV)/.installed
	$(BIN)/pytest

check: $(VENV)/.installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(MAKE) test

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis .benchmarks
