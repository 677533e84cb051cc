# Two commands on a fresh machine: `make demo` and `make test`. Both make their own .venv.
VENV ?= .venv
PYTHON ?= python3
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt

.PHONY: demo test check chromium dciodvfy coverage docs bench clean

demo: $(VENV)/core.stamp  ## generate, judge and train, on real recordings where they are found
	$(BIN)/ecgsynth demo --force

test: check chromium dciodvfy  ## every check and the whole suite, on two cores
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses 2 --dist loadfile

check: $(VENV)/dev.stamp  ## style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

chromium:  ## the browser in which the page is tested; without one these tests are skipped
	@if command -v chromium || command -v chromium-browser || command -v google-chrome; then :; \
	elif command -v apt-get && [ "$$(id -u)" = 0 ]; then \
		echo "installing Chromium, in which the page is tested" >&2; \
		export DEBIAN_FRONTEND=noninteractive; \
		{ apt-get update && apt-get install -y --no-install-recommends chromium; } 2>&1 || \
			echo "Chromium could not be installed: the tests of the page are skipped" >&2; \
	else echo "no Chromium here (apt-get install chromium): the tests of the page are skipped" >&2; \
	fi >/dev/null

dciodvfy:  ## what checks DICOM files; without it that test is skipped
	@if command -v dciodvfy; then :; \
	elif command -v apt-get && [ "$$(id -u)" = 0 ]; then \
		echo "installing dicom3tools, by which DICOM files are checked" >&2; \
		export DEBIAN_FRONTEND=noninteractive; \
		{ apt-get update && apt-get install -y --no-install-recommends dicom3tools; } 2>&1 || \
			echo "dicom3tools could not be installed: the check of DICOM files is skipped" >&2; \
	else echo "no dciodvfy here (apt-get install dicom3tools): its test is skipped" >&2; \
	fi >/dev/null

coverage: $(VENV)/dev.stamp  ## lines of each package that its own tests run, against the kept floors
	OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks.coverage

docs: $(VENV)/dev.stamp  ## the site, into build/site
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet

bench: $(VENV)/dev.stamp  ## speed, as printed in docs/results/speed.md
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
