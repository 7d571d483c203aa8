# Every target works from a fresh clone: it makes its own virtual environment first.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip
QUIET := --quiet --disable-pip-version-check
RESULTS ?= results
SUITES := paper-synthetic paper-sysid paper-seeds paper-equal-compute official forecasting
BENCH := $(SUITES:%=benchmarks/suites/%.toml)

.PHONY: help demo bench report perf faults fuzz test check clean

help:
	@echo "make demo    a burn-in study on two simulated systems, in minutes"
	@echo "make bench   the full reproduction on real data; go on after a stop with the same command"
	@echo "make report  the tables, figures and page of $(RESULTS), from its records alone"
	@echo "make perf    the engines' speed beside the reference implementation's, on this machine"
	@echo "make faults  kills, full disks and spoilt files: what a results folder survives, on this machine"
	@echo "make test    the tests"
	@echo "make fuzz    hostile input to every reader of files, SECONDS_EACH=600 (Linux)"
	@echo "make check   lint, types, the order of the rooms, the records, and the tests"

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "$(PYTHON) is older than Python 3.11: name a newer one, make PYTHON=python3.12"; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: $(VENV)/bin/python pyproject.toml constraints.txt
	$(PIP) install $(QUIET) --constraint constraints.txt --editable '.[plots,site,synthetic]'
	@touch $@

$(VENV)/.installed-dev: $(VENV)/.installed
	$(PIP) install $(QUIET) --constraint constraints.txt --editable '.[dev]'
	@touch $@

demo: $(VENV)/.installed
	$(BIN)/sysid-tbptt run benchmarks/suites/demo.toml --results $(RESULTS)/demo --tables

# The paper's series to forecast come last: without a network it ends there, after the report of all else.
bench: $(VENV)/.installed
	$(BIN)/sysid-tbptt run $(BENCH) --results $(RESULTS) --tables
	$(BIN)/sysid-tbptt report --results $(RESULTS)
	$(BIN)/sysid-tbptt run benchmarks/suites/paper-forecasting.toml --results $(RESULTS) --tables
	$(BIN)/sysid-tbptt report --results $(RESULTS)

report: $(VENV)/.installed
	$(BIN)/sysid-tbptt report --results $(RESULTS)

# The plug-in that checks types at run time stays out of the timings. A name for the machine: make perf MACHINE=lab-desk.
MACHINE ?= machine
perf: $(VENV)/.installed-dev
	mkdir -p $(RESULTS)/perf
	$(BIN)/pytest benchmarks -o addopts= --benchmark-json=$(RESULTS)/perf/$(MACHINE).json
	$(BIN)/python benchmarks/perf_table.py $(RESULTS)/perf/$(MACHINE).json

# Half an hour on two idle cores; goes on after a stop. FAULTS="--only kill --tries 5" for less.
faults: $(VENV)/.installed
	$(BIN)/python benchmarks/faults.py --results $(RESULTS) --page README.md $(FAULTS)

test: $(VENV)/.installed-dev
	$(BIN)/pytest

# Each reader until SECONDS_EACH are over or RUNS inputs are read.
SECONDS_EACH ?= 600
RUNS ?= 1000000
fuzz: $(VENV)/.installed-dev
	$(PIP) install $(QUIET) --constraint constraints.txt --editable '.[fuzz]'
	$(BIN)/python tests/fuzz/run.py all --seconds $(SECONDS_EACH) --runs $(RUNS) --out $(RESULTS)/reliability/fuzzing.json

check: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/sysid-tbptt submit --check $(RESULTS)
	$(BIN)/pytest

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis .benchmarks
