# One command per chore. Every target sets up what it needs: a virtual environment in $(VENV) with the exact
# packages of requirements.lock. Needs only Python >= 3.11, make and git.
#
#   make test PYTHON=python3.13 VENV=.venv-3.13     another interpreter
#   make test ARGS="tests/tidy -x"                  arguments for pytest

VENV   ?= .venv
PYTHON ?=
ARGS   ?=
# Parallel test processes; `make test JOBS=0` runs in one process (needed for a debugger).
JOBS   ?= auto
PYTEST := -m pytest -n $(JOBS) --maxprocesses 8
PY     := $(VENV)/bin/python
STAMP  := $(VENV)/.installed

.DEFAULT_GOAL := help
.PHONY: help demo test test-all soak chaos bench check lint types tidy format lock install wheel clean distclean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

demo: $(STAMP) ## See weeks of business run in the simulator
	@$(PY) examples/demo.py $(ARGS)

test: $(STAMP) ## Run every test
	@$(PY) $(PYTEST) $(ARGS)

test-all: ## Run every test on every Python from 3.11 to 3.14 found on this machine
	@set -e; found=; for version in 3.11 3.12 3.13 3.14; do \
		if python$$version -c '' >/dev/null 2>&1; then \
			echo "== Python $$version"; found=$$version; \
			$(MAKE) --no-print-directory test PYTHON=python$$version VENV=.venv-$$version; \
		else echo "== Python $$version: not on PATH, skipped"; fi; \
	done; test -n "$$found"

soak: $(STAMP) ## Run the long form of everything, about four hours on two cores; stopped, it goes on from there
	@$(PY) -m tests.quality.soak $(if $(filter-out auto,$(JOBS)),--jobs $(JOBS)) $(ARGS)

chaos: $(STAMP) ## Run the scenarios under faults: make chaos ARGS="order_saga --seeds 50"
	@$(PY) -m temporal_do.cli chaos $(or $(ARGS),all --seeds 20)

bench: $(STAMP) ## Measure speed and memory, side by side with the peers
	@$(PY) benchmarks/run.py $(ARGS)

check: lint types tidy ## Lint, formatting, strict types and the tidy rules

lint: $(STAMP) ## Ruff: rules and formatting
	@$(PY) -m ruff check .
	@$(PY) -m ruff format --check --quiet . || { echo "make format rewrites the files named above"; exit 1; }

types: $(STAMP) ## mypy --strict over the rooms and the examples, under their installed names
	@$(PY) tests/tidy/typecheck.py $(ARGS)

tidy: $(STAMP) ## The rules of the house: import map, banned calls, dead modules, docstrings, sizes
	@$(PY) -m pytest -q tests/tidy

format: $(STAMP) ## Rewrite the sources in the one format
	@$(PY) -m ruff check --fix .
	@$(PY) -m ruff format .

wheel: $(STAMP) ## Build the wheel into dist/
	@rm -rf build/lib build/bdist.* # setuptools would pack modules that are long gone
	@$(PY) -m build --no-isolation --wheel --outdir dist .

# Universal: one lock for every supported Python and platform. `make lock ARGS=--upgrade` moves every pin.
lock: ## Pin the dependencies of pyproject.toml anew in requirements.lock
	@python=$$($(FIND_PYTHON)) && $$python -m venv build/uv && build/uv/bin/python -m pip install --quiet uv
	@UV_CUSTOM_COMPILE_COMMAND="make lock" build/uv/bin/uv pip compile --quiet --universal --python-version 3.11 \
		--generate-hashes --all-extras --no-emit-index-url --no-emit-find-links \
		$(ARGS) pyproject.toml --output-file requirements.lock

install: $(STAMP) ## Only set up the virtual environment

# The first interpreter that is new enough and can make a virtual environment. Prints its name.
FIND_PYTHON = \
	for candidate in $(if $(PYTHON),$(PYTHON),python3 python3.13 python3.12 python3.11 python3.14 python); do \
		if $$candidate -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; \
		then echo $$candidate; exit 0; fi; \
	done; \
	echo "temporal-do needs Python 3.11 or newer with its venv module (Debian: apt install python3-venv);" >&2; \
	echo "none of these is: $(if $(PYTHON),$(PYTHON),python3 python3.13 python3.12 python3.11 python3.14 python)." >&2; \
	echo "Name one with: make PYTHON=/path/to/python3" >&2; \
	exit 1

# The stamp is written last, so an interrupted set-up starts over. It says which checkout was installed: in one
# that was moved or copied the set-up runs again, as it does when the lock changes. Where the interpreter is gone
# the environment is built anew.
ifneq ($(CURDIR),$(shell cat $(STAMP) 2>/dev/null))
.PHONY: $(STAMP)
endif
$(STAMP): requirements.lock pyproject.toml
	@if ! $(PY) -c 'import sys, pip; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then \
		python=$$($(FIND_PYTHON)) || exit 1; \
		echo "Setting up $(VENV) with $$($$python -V) (once)"; \
		$$python -m venv --clear $(VENV); \
	fi
	@$(PY) -m pip --disable-pip-version-check install -qq --require-hashes -r requirements.lock
	@$(PY) -m pip --disable-pip-version-check install -qq --no-deps --no-build-isolation --editable .
	@printf '%s\n' "$(CURDIR)" > $@

clean: ## Remove what the tools wrote, keep the virtual environment
	@rm -rf build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage .coverage.*
	@find . -name __pycache__ -type d -not -path './.venv*' -prune -exec rm -rf {} +

distclean: clean ## Remove the virtual environments as well
	@rm -rf .venv .venv-3.*
