# Everything works from a fresh clone: each target sets up what it needs, once.
PYTHON ?= python3
VENV   ?= .venv
BENCH  := $(VENV)/bin/bench
READY  := $(VENV)/.ready

.PHONY: help setup build-images demo test lint lock audit format perf perf-backends faults clean

help:            ## what can be typed here
	@grep -hE '^[a-z-]+: .*##' $(MAKEFILE_LIST) | sed -E 's/:.*## */\t/' | expand -t 16

setup: $(READY)  ## a virtual environment with bench and what its tests need

$(READY): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	    { echo 'bench needs Python 3.11 or newer: make PYTHON=python3.11 ...'; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/python -m pip install --quiet --editable '.[dev]'
	@touch $@

build-images: $(READY)  ## every image of the CPU catalogue
	$(BENCH) build --device cpu

demo: $(READY)   ## a small matrix to its end, in containers where an engine answers and in virtual environments where none does
	$(BENCH) matrix --frameworks numpy,onnxruntime --install pip,distro --device cpu --suite demo --store bench-store
	$(BENCH) results --store bench-store
	$(BENCH) compare --by blas --store bench-store
	$(BENCH) compare --by framework --store bench-store

test: $(READY)   ## every test; those of an engine are skipped, with the reason, where none answers
	$(VENV)/bin/python -m pytest

lint: $(READY)   ## ruff and mypy
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy

lock: $(READY)   ## requirements.txt: everything that bench and its tests run on, by hash
	$(VENV)/bin/uv pip compile pyproject.toml --all-extras --generate-hashes --universal --python-version 3.11 \
	    --custom-compile-command 'make lock' --quiet --output-file requirements.txt

audit: $(READY)  ## bandit over the code, pip-audit over requirements.txt; `not verified` where no advisory service answers
	$(VENV)/bin/python .ci/audit.py

format: $(READY) ## ruff's formatter
	$(VENV)/bin/ruff format .
	$(VENV)/bin/ruff check --fix .

perf: $(READY)   ## the tool's own speed, printed; nothing here is a test
	$(VENV)/bin/python -m benchmarks

perf-backends: $(READY)  ## every backend beside a script written by hand, in the same image, in turn
	$(VENV)/bin/python -m benchmarks.backends

faults: $(READY) ## every fault brought about on a real engine, and what became of the run; nothing here is a test
	$(VENV)/bin/python -m benchmarks.faults

clean:           ## the virtual environment and what tools left behind; never a store
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis build dist
