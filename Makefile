# run · test · learn · record · bench · desk-bench · pictures · twice · spread · stalls · lint · lock · clean; each sets the environment up first, once.
# A learner's two commands are `make run` and `make test`.
SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help setup run test learn record bench desk-bench pictures twice spread stalls lint lock clean
unexport PYTHONDONTWRITEBYTECODE  # without bytecode TensorFlow imports in 19 s instead of 6
unexport PYTHONPATH VIRTUAL_ENV
PYTHON ?= python3
BIN := .venv/bin
PYTEST := $(BIN)/python -m pytest -q -rfEs --dist loadfile  # with the reason of what is skipped

help:
	@echo "make run     run every lesson, in parallel; the report is build/report/index.html"
	@echo "make test    lint, tests, and every recording executed again and compared"
	@echo "make learn   your own copies of the lessons, in JupyterLab"
	@echo "make record  execute lessons that changed and write their .ipynb"
	@echo "make bench   the timings this project promises, side by side"
	@echo "make desk-bench  the same for JupyterLab in a browser        make pictures  those of the README"
	@echo "make twice   record all lessons twice, elsewhere, in another order, and compare"
	@echo "make stalls  fifty Run Alls in JupyterLab, both cores busy (RUNS=50 LESSON=1.4): how many stall"
	@echo "make spread  measure how far trained numbers move in other orders of summation (hours)"
	@echo "make lint    ruff, mypy  make lock  requirements.lock from pyproject.toml        make clean"

setup:
	@command -v $(PYTHON) >/dev/null || { echo "setup: $(PYTHON) is missing: install Python 3.8 or newer (any), and call again." >&2; exit 1; }
	@$(PYTHON) helpers/workbook/bootstrap.py

run: setup
	$(BIN)/workbook run

test: lint
	$(PYTEST) -n 3 tests  # they wait as much as they compute: three keep two cores busy
	$(PYTEST) -n 2 -p helpers.workbook.compare --nbval notebooks

learn: setup
	$(BIN)/workbook learn

record: setup
	$(BIN)/workbook record

bench: setup
	$(BIN)/python tests/bench.py

desk-bench: setup
	$(BIN)/python tests/desk_bench.py

pictures: setup
	$(BIN)/python tests/pictures.py

twice: setup
	$(BIN)/python tests/twice.py

spread: setup
	$(BIN)/python tests/spread.py

RUNS ?= 50
LESSON ?= 1.4
stalls: setup
	$(BIN)/python tests/stalls.py --runs $(RUNS) --lesson $(LESSON)

lint: setup
	$(BIN)/ruff check -q .
	$(BIN)/ruff format -q --check .
	$(BIN)/mypy --no-error-summary

lock: setup
	UV=$$(command -v uv || echo .venv/tools/bin/uv); $$UV pip compile pyproject.toml --python-version 3.10 \
	  --generate-hashes --no-emit-index-url --no-strip-extras --no-header --quiet -o requirements.lock

clean:
	-@test -x $(BIN)/python && $(BIN)/python -m helpers.workbook.warm_parent --stop
	rm -rf build .pytest_cache .ruff_cache .hypothesis
