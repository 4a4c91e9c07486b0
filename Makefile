# make              run the demo study, from archives of imagery to the report; STUDY=mine.yaml runs another study
# make install      install into .venv, and run nothing
# make test         quick tests
# make test-study   plan and run workflows: the smoke study, its results, what runs again after changes, audit and crate
# make test-slow    decode 10,000 damaged bitstreams; simulate the coverage of intervals
# make test-machines    tests that train networks, with each instruction set that the processor has
# make test-network     tests that need the package index
# make test-slurm       start a Slurm on this machine (as root); run the smoke study on it, and inject faults
# make test-slurm-slow  restart slurmd during a training
# make smoke        run the smoke study: tiny generated scenes, for tests
# make audit        compare all results with the present code, lock and data; write results/audit.html
# make repair       make again the outputs that the audit found damaged, then what is missing or follows from them
# make reproduce    run the study again in a fresh folder from the same commit, and compare
# make crate        write a Workflow Run RO-Crate of the finished study; AGENT="Name <ORCID>"
#                   (audit, repair, reproduce and crate take STUDY=configs/smoke.yaml as well)
# make ad-ae        write docs/ad-ae.md from the demo's crate
# make bench        measure every speed that the documents state; some measurements need the finished study
# make lint         check format, style and types
# make lock         pin the newest versions that envs/requirements.in allows
SHELL := /bin/bash
PYTHON ?= $(shell bash envs/find_python.sh)
VENV ?= .venv
CORES ?= all
BIN := $(VENV)/bin
# The study file; by default the demo, config.yaml.
STUDY ?=
RUN := snakemake --cores $(CORES) $(if $(STUDY),--configfile $(STUDY))
READY := $(VENV)/.ready
PYTEST := OMP_NUM_THREADS=1 OMP_WAIT_POLICY=PASSIVE pytest
export PATH := $(abspath $(BIN)):$(PATH)
# This checkout, even if the environment has another one installed.
export PYTHONPATH := $(CURDIR)
CACHE := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)

.PHONY: study install test test-machines test-study test-network test-slow test-slurm test-slurm-slow smoke audit repair reproduce crate ad-ae bench lint format lock clean

study: $(READY)
	@mkdir -p "$(CACHE)" 2> /dev/null && test -w "$(CACHE)" || { \
	    echo "error: $(CACHE): Snakemake cannot write here. Set XDG_CACHE_HOME to a folder that you may write to." >&2; \
	    exit 1; }
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

# compares contents only; outdated results are made again by `make`
repair: export DOWNLINK_REPAIR = 1
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

# One lock for Python 3.11 and 3.12: a marker follows a package that not every platform needs, and the
# hashes are those of all files of a version. workflow_lib/provenance/lock.py reads the pins, the markers
# and the comments `via`. Of what torch needs, torch-cuda.lock has what requirements.lock leaves out.
COMPILE := uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --upgrade
lock: $(READY)
	$(COMPILE) envs/requirements.in --override envs/overrides.txt --output-file envs/requirements.lock
	sed -n 's/^\(torch==[^ ]*\).*/\1/p' envs/requirements.lock | $(COMPILE) --no-annotate - \
	    $$(sed -n "/'never'/!s/^\([a-z0-9-]*\)==.*/--no-emit-package \1/p" envs/requirements.lock) \
	    --output-file envs/torch-cuda.lock
	sed -i '1i # Complete and pinned, for Python 3.11 and 3.12; installed by envs/install.sh. Remade by `make lock`.' \
	    envs/requirements.lock
	sed -i '1i # What the CUDA build of torch needs besides; installed by envs/install.sh. Remade by `make lock`.' \
	    envs/torch-cuda.lock

$(READY): $(wildcard envs/*.lock) envs/install.sh pyproject.toml
	@echo "Installing the lock into $(VENV) (a minute, once)"
	test -x $(BIN)/python || { python="$(PYTHON)" && test -n "$$python" && "$$python" -m venv $(VENV); }
	bash envs/install.sh $(BIN)/python
	touch $@

clean:
	rm -rf results reproduced .snakemake
