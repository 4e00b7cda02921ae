# Every target starts from nothing: it makes .venv first, from the hashed lock.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin
# The package index may be slow; a stalled download is tried again rather than given up.
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
# Threads are held at one per worker: at these sizes more threads cost time.
export OMP_NUM_THREADS := 1
export OPENBLAS_NUM_THREADS := 1
export MLFLOW_DISABLE_TELEMETRY := true
EXPERIMENT ?= experiments/nimh_ketamine.yaml

.DEFAULT_GOAL := help
.PHONY: help env run test check lint format types layers lock

help:
	@echo "make run     install, then run $(EXPERIMENT)"
	@echo "make test    install, then run all tests"
	@echo "make check   lint, format check, types, layers, tests with doctests"
	@echo "make format  rewrite the code in the house format"
	@echo "make lock    pin the dependencies again (needs uv)"

.venv/.ok: requirements.lock pyproject.toml
	@echo "Installing into .venv (two to three minutes the first time) ..."
	@rm -rf .venv
	@$(PYTHON) -m venv .venv
	@$(PIP) install --no-deps --require-hashes -r requirements.lock
	@$(PIP) install --no-deps -e .
	@touch $@

env: .venv/.ok

run: env
	@$(BIN)/heldout run $(EXPERIMENT)

test: env
	@$(BIN)/python -m pytest -n 2

lint: env
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

format: env
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

types: env
	@$(BIN)/mypy

layers: env
	@$(BIN)/lint-imports

check: lint types layers test

lock:
	uv pip compile pyproject.toml --extra dev --python-version 3.11 --generate-hashes --no-header --no-annotate -o requirements.lock
