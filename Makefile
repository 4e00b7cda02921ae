# Every target starts from nothing: it makes .venv first, from the hashed lock.
# Which Python that takes is said in .ci/python.sh; PYTHON=... is another one.
VENV ?= .venv
BIN := $(VENV)/bin
# Threads are held at one per worker: at these sizes more threads cost time.
export OMP_NUM_THREADS := 1
export OPENBLAS_NUM_THREADS := 1
export MLFLOW_DISABLE_TELEMETRY := true
export PYTHON
EXPERIMENT ?= experiments/nimh_ketamine.yaml
# What differs most between versions of Python and of libraries: doors, formats, kernels, export,
# durability.
SHORT := tests/contracts tests/leakage tests/reference tests/unit/cohort tests/unit/spec \
  tests/unit/kernels tests/unit/export tests/whole/test_export.py tests/whole/test_durability.py

.DEFAULT_GOAL := help
.PHONY: help env run demo test test-short check static lint format types layers docs lock

help:
	@echo "make run         install, then run $(EXPERIMENT)"
	@echo "make demo        install as a user would without make, then heldout demo"
	@echo "make test        install, then run all tests (seven minutes on two cores)"
	@echo "make test ARGS=tests/test_docs.py::test_every_builder_is_documented"
	@echo "                 the tests that pytest is told, here one"
	@echo "make test-short  those that differ most between Pythons (three minutes)"
	@echo "make check       lint, format check, types, layers, tests with doctests"
	@echo "make format      rewrite the code in the house format"
	@echo "make docs        write the reference, then the site of docs/ into build/site (half a minute)"
	@echo "make lock        pin the dependencies again (needs uv)"

env:
	@sh .ci/python.sh env $(VENV)

run: env
	@$(BIN)/heldout run $(EXPERIMENT)

# The package as `pip install .` makes it, away from the checkout.
demo: env
	@rm -rf build/demo && mkdir -p build/demo
	@$(BIN)/python -m pip --disable-pip-version-check --quiet install --no-deps \
	  --target build/demo/installed .
	@cd build/demo && PYTHONPATH=installed $(abspath $(BIN))/python -m heldout demo

test: env
	@$(if $(ARGS),,echo "All tests: about seven minutes on two cores ...")
	@$(BIN)/python -m pytest $(or $(ARGS),-n 2)

test-short: env
	@echo "Tests of doors, formats, kernels, export and durability: about three minutes ..."
	@$(BIN)/python -m pytest -n 2 $(SHORT)

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

# Warnings and anything a page would load from elsewhere end it.
docs: env
	@$(BIN)/python docs/make_reference.py
	@$(BIN)/python docs/make_house.py
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

static: lint types layers

check: static test

# The versions that stand in the lock are kept where they still fit; uv's --upgrade renews them.
lock:
	uv pip compile pyproject.toml --extra dev --extra docs --universal --python-version 3.11 \
	  --generate-hashes --no-header --no-annotate \
	  --no-emit-package nvidia-nccl-cu12 --no-emit-package nvidia-nccl-cu13 -o requirements.lock
