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

# $(call debian,COMMANDS,PACKAGE,WHAT): the package, unless one of its commands is here; without it
# the tests that need it are skipped.
define debian
@if for one in $(1); do command -v $$one && break; done; then :; \
elif command -v apt-get && [ "$$(id -u)" = 0 ]; then \
	echo "installing $(2), $(3)" >&2; \
	export DEBIAN_FRONTEND=noninteractive; \
	{ apt-get update && apt-get install -y --no-install-recommends $(2); } 2>&1 || \
		echo "$(2) could not be installed: its tests are skipped" >&2; \
else echo "no $(2) here (apt-get install $(2)): its tests are skipped" >&2; \
fi >/dev/null
endef

chromium:  ## the browser in which the page is tested
	$(call debian,chromium chromium-browser google-chrome,chromium,in which the page is tested)

dciodvfy:  ## what checks DICOM files
	$(call debian,dciodvfy,dicom3tools,by which DICOM files are checked)

coverage: $(VENV)/dev.stamp  ## lines of each package that its own tests run, against the kept floors
	OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks.coverage

docs: $(VENV)/dev.stamp  ## the site, into build/site
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet

bench: $(VENV)/dev.stamp  ## speed, as printed in docs/results/speed.md
	$(BIN)/python -m benchmarks.speed

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
