# `make` lists what can be made. Every target builds the environment it needs,
# so each one works on a machine that has only Python and make.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PEERS ?= .venv-peers
PIP_INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check

.DEFAULT_GOAL := help
.PHONY: help demo test lint format types bench bench-peers clean

help: ## List the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{ printf "make %-12s %s\n", $$1, $$2 }'

demo: $(VENV)/.installed ## Train a network on 1,797 handwritten digits, and tune it
	$(BIN)/chainrule demo

test: $(VENV)/.installed-dev ## Run the tests and the examples in the docstrings
	$(BIN)/python -m pytest -n auto

lint: $(VENV)/.installed-dev ## Check the code's style and formatting
	$(BIN)/ruff check
	$(BIN)/ruff format --check

format: $(VENV)/.installed-dev ## Format the code and sort its imports
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

types: $(VENV)/.installed-dev ## Check the types
	$(BIN)/mypy

bench: $(VENV)/.installed-dev ## Measure calls, compilation, derivatives, memory, fits, searches
	$(BIN)/python -m benchmarks

bench-peers: $(VENV)/.installed-dev $(PEERS)/.installed ## Measure against JAX, PyTorch, scikit-learn and NumPy
	$(BIN)/python -m benchmarks.peers $(PEERS)/bin/python

clean: ## Remove the environment, caches and built files
	rm -rf $(VENV) $(PEERS) build dist .hypothesis .mypy_cache .pytest_cache .ruff_cache
	find src tests benchmarks -name __pycache__ -type d -prune -exec rm -rf {} + 2>/dev/null || true

# The stamps record a finished step, so that an interrupted one is repeated.
$(VENV)/.created:
	@command -v "$(PYTHON)" >/dev/null || { \
	  echo "Python was not found as '$(PYTHON)'. Name another: make PYTHON=/path/to/python3.12 $(MAKECMDGOALS)" >&2; exit 1; }
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "chainrule needs Python 3.11 or newer; '$(PYTHON)' is $$("$(PYTHON)" --version 2>&1). Name another: make PYTHON=/path/to/python3.12 $(MAKECMDGOALS)" >&2; exit 1; }
	"$(PYTHON)" -m venv $(VENV)
	@touch $@

$(VENV)/.installed: pyproject.toml | $(VENV)/.created
	$(PIP_INSTALL) --editable .
	@touch $@

$(VENV)/.installed-dev: pyproject.toml | $(VENV)/.created
	$(PIP_INSTALL) --editable '.[dev]'
	@touch $@ $(VENV)/.installed

$(PEERS)/.installed: benchmarks/peers/requirements.txt | $(VENV)/.created
	"$(PYTHON)" -m venv $(PEERS)
	$(PEERS)/bin/python -m pip install --quiet --disable-pip-version-check --requirement $<
	@touch $@
