# make            the demo study, from archives of imagery to the report; make STUDY=mine.yaml: another one
# make install    only install, into .venv
# make test       the quick tests
# make test-study workflows, planned and run: the smoke study, what runs again after which change, audit, crate
# make test-slow  10,000 damaged bitstreams, decoded; coverage of the intervals, simulated
# make test-machines  the tests that train, with each instruction set that the processor has
# make test-network what asks the package index
# make test-slurm a Slurm on this machine, for the tests alone: the smoke study on it, and faults (as root)
# make test-slurm-slow  slurmd restarted in mid-training
# make smoke      the same study on tiny generated scenes
# make audit      is every result what the present code, lock and data give? results/audit.html
# make repair     make again what the audit found damaged, and what then is missing or follows from it
# make reproduce  run the study again in a fresh folder from the same commit, and compare
# make crate      a Workflow Run RO-Crate of the finished study; AGENT="Name <ORCID>"
#                 (these four take STUDY=configs/smoke.yaml as well)
# make ad-ae      docs/ad-ae.md, written from the demo's crate
# make bench      the measurements behind every claim of speed; some need the study to have run
# make lint       format, lint and types
# make lock       pin the newest versions that envs/requirements.in allows
SHELL := /bin/bash
PYTHON ?= $(shell bash envs/find_python.sh)
VENV ?= .venv
CORES ?= all
BIN := $(VENV)/bin
# The study's file. Without one, the demo runs: config.yaml.
STUDY ?=
RUN := snakemake --cores $(CORES) $(if $(STUDY),--configfile $(STUDY))
READY := $(VENV)/.ready
PYTEST := OMP_NUM_THREADS=1 OMP_WAIT_POLICY=PASSIVE pytest
export PATH := $(abspath $(BIN)):$(PATH)

.PHONY: study install test test-machines test-study test-network test-slow test-slurm test-slurm-slow smoke audit repair reproduce crate ad-ae bench lint format lock clean

study: $(READY)
	$(RUN)
	@python scripts/show_results.py --study $(STUDY)

install: $(READY)

test: $(READY)
	$(PYTEST)

test-machines: $(READY)
	bash tests/machines.sh all

test-study: $(READY)
	$(PYTEST) -m "study and not slow" tests/rules

test-network: $(READY)
	$(PYTEST) -m network

test-slow: $(READY)
	$(PYTEST) -m "slow and not slurm"

test-slurm: $(READY)
	bash tests/slurm/install.sh
	$(PYTEST) -m "slurm and not slow" tests/slurm

test-slurm-slow: $(READY)
	bash tests/slurm/install.sh
	$(PYTEST) -m "slurm and slow" tests/slurm

smoke:
	$(MAKE) study STUDY=configs/smoke.yaml

audit: $(READY)
	@python scripts/audit.py --study $(STUDY)

# contents alone count here: what is out of date is for `make`
repair: $(READY)
	@mkdir -p .snakemake
	@python scripts/audit.py --damaged --study $(STUDY) > .snakemake/damaged
	@if test -s .snakemake/damaged; then \
	    xargs --delimiter='\n' --arg-file=.snakemake/damaged \
	        $(RUN) --rerun-triggers mtime --force -- && \
	    $(RUN) --rerun-triggers mtime; \
	else echo "Nothing is damaged."; fi

reproduce: study
	python scripts/reproduce.py --study $(STUDY) --cores $(CORES)

crate: $(READY)
	python scripts/export_crate.py --study $(STUDY) $(if $(AGENT),--agent "$(AGENT)")

ad-ae: override STUDY =
ad-ae: crate
	python scripts/describe_artifact.py --crate results --target docs/ad-ae.md

bench: $(READY)
	OMP_WAIT_POLICY=PASSIVE python bench/codecs.py
	python bench/workflow.py
	python bench/records.py
	python bench/tiling.py
	OMP_NUM_THREADS=1 python bench/loader.py
	OMP_NUM_THREADS=1 python bench/coverage.py
	OMP_NUM_THREADS=1 python bench/coverage.py --timing results/metrics.parquet

lint: $(READY)
	ruff format --check .
	ruff check .
	mypy
	snakefmt --check Snakefile rules
	python tests/lint_workflow.py

format: $(READY)
	ruff format .
	ruff check --fix .
	snakefmt Snakefile rules

# One lock for Python 3.11 and 3.12: a marker follows a package that not every platform needs.
# workflow_lib/provenance/lock.py reads the pins, the markers and the comments `via`.
lock: $(READY)
	uv pip compile --quiet envs/requirements.in --override envs/overrides.txt --universal \
	    --python-version 3.11 --no-header --upgrade --output-file envs/requirements.lock
	sed -i '1i # Complete and pinned, for Python 3.11 and 3.12; installed by envs/install.sh. Remade by `make lock`.' \
	    envs/requirements.lock

$(READY): envs/requirements.lock envs/install.sh pyproject.toml
	@echo "Installing the lock into $(VENV) (some minutes, once)"
	test -x $(BIN)/python || { python="$(PYTHON)" && test -n "$$python" && "$$python" -m venv $(VENV); }
	bash envs/install.sh $(BIN)/python
	touch $@

clean:
	rm -rf results reproduced .snakemake
