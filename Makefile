# Two commands on a fresh machine: make demo, make test.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

# Numeric libraries share two cores better with one thread each.
export OMP_NUM_THREADS ?= 1
export OPENBLAS_NUM_THREADS ?= 1

.PHONY: help demo install test lint bench parity clean
.DEFAULT_GOAL := help

help:  ## list the commands
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/'

$(VENV)/.light: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e .
	@touch $@

demo: $(VENV)/.light  ## three people, their sliders, a picture (light core only)
	$(BIN)/vibrator demo

$(VENV)/.full: pyproject.toml requirements.txt scripts/install_system.sh
	$(PYTHON) -m venv $(VENV)
	sh scripts/install_system.sh
	$(BIN)/python -m pip install --quiet --disable-pip-version-check torch==2.13.0
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	@touch $@

install: $(VENV)/.full  ## the full environment that tests, lint and benchmarks share

test: install  ## everything in its short form
	$(BIN)/python -m pytest

lint: install  ## ruff and mypy --strict
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: install  ## the bars; results in bench-results/
	$(BIN)/python benchmarks/run.py

parity:  ## rebuild the golden vectors of InstructorEmbedding, in an environment of their own
	$(PYTHON) -m venv .parity-venv
	.parity-venv/bin/pip install --quiet --disable-pip-version-check torch==2.13.0
	.parity-venv/bin/pip install --quiet --disable-pip-version-check --no-deps -r scripts/parity-requirements.txt
	.parity-venv/bin/python scripts/make_parity_vectors.py fixtures/instructor_parity.json

clean:  ## remove what the other commands made
	rm -rf $(VENV) .parity-venv bench-results vibrator-demo.html
