# Two commands on a fresh machine: `make demo` and `make test`. Both make their own .venv.
VENV ?= .venv
PYTHON ?= python3
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt

.PHONY: demo test check bench clean

demo: $(VENV)/core.stamp  ## generate, judge and train, on real recordings where they are found
	$(BIN)/ecgsynth demo

test: check  ## every check and the whole suite
	$(BIN)/python -m pytest

check: $(VENV)/dev.stamp  ## style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: $(VENV)/dev.stamp  ## speed, as printed in docs/results.md
	$(BIN)/python benchmarks/speed.py

clean:
	rm -rf $(VENV) demo

$(VENV)/core.stamp: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "installing ecgsynth and its parts (about 1 GB, a few minutes the first time)"
	$(PIP) --editable .
	touch $@

$(VENV)/dev.stamp: $(VENV)/core.stamp
	$(PIP) --editable ".[dev]"
	touch $@
