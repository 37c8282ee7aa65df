# Two commands on a fresh machine: make demo, make test.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

# Numeric libraries share two cores better with one thread each.
export OMP_NUM_THREADS ?= 1
export OPENBLAS_NUM_THREADS ?= 1

EXTRAS := onnx train remote langchain parquet sql boost redis postgres milvus faiss service ltv scale charts docs

.PHONY: help demo install test lint bench coverage mutation site audit release parity clean
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

coverage: install  ## lines and branches that the tests reach, against their bars
	$(BIN)/python -m pytest -q --cov=vibrator --cov-report=json
	$(BIN)/python scripts/coverage_bars.py coverage.json

mutation: install  ## do the tests notice small faults? a sample of each room
	$(BIN)/python benchmarks/mutation.py

site: install  ## the documentation, built with warnings as errors, in site/
	$(BIN)/python -m mkdocs build --strict

audit: install  ## code that is a risk, licences, and the bill of materials in sbom.json
	$(BIN)/bandit -q -lll -r vibrator
	$(BIN)/python scripts/sbom.py $(EXTRAS) > sbom.json

release: install  ## wheel and sdist in dist/, each walked from an empty environment
	$(BIN)/python scripts/walk_release.py --keep dist

parity:  ## rebuild the golden vectors of InstructorEmbedding, in an environment of their own
	$(PYTHON) -m venv .parity-venv
	.parity-venv/bin/pip install --quiet --disable-pip-version-check torch==2.13.0
	.parity-venv/bin/pip install --quiet --disable-pip-version-check --no-deps -r scripts/parity-requirements.txt
	.parity-venv/bin/python scripts/make_parity_vectors.py fixtures/instructor_parity.json

clean:  ## remove what the other commands made
	rm -rf $(VENV) .parity-venv bench-results dist site sbom.json coverage.json vibrator-demo.html
