# Needs Python (with venv) and make, nothing else: every target makes the environment that it runs in. Packages come
# from whatever index pip is configured for, at the versions in constraints.txt.

PYTHON ?= python3

# cpu or gpu: which build of Paddle .venv holds. An environment made for a GPU stays one until told otherwise.
PADDLE ?= $(if $(wildcard .venv/ready-gpu),gpu,cpu)

# Test processes, one a core. Each holds a Paddle of about half a gigabyte, hence the ceiling.
WORKERS ?= $(shell $(BIN)/python -c "from ganc.system.runtime import available_cores; print(min(8, available_cores()))")

# Tests that compare with PyTorch skip where it is absent; TORCH=2.13.0 installs it. From some indexes that is a CUDA
# build of several gigabytes, so it is left to the caller.
TORCH ?=
NO_TORCH = echo "PyTorch could not be installed: the tests that compare with it are skipped" >&2

# What make demo runs: TASK=pix2pix the pipeline for paired images, CONFIG=FILE any other configuration.
TASK := cyclegan
CONFIG := $(if $(filter pix2pix,$(TASK)),workflow/pix2pix-demo.yaml,workflow/demo.yaml)

BIN := .venv/bin
BIN26 := .venv-paddle26/bin
READY := .venv/ready-$(PADDLE)
READY26 := .venv-paddle26/ready

# The GPU package's newest version on the index is that of constraints-paddle26.txt; it needs numpy < 2.
CONSTRAINTS := $(if $(filter gpu,$(PADDLE)),constraints-paddle26.txt,constraints.txt)
PROJECTS := pyproject.toml common/pyproject.toml $(wildcard tools/*/pyproject.toml)
TOOLS := $(patsubst %/pyproject.toml,-e ./%,$(wildcard tools/*/pyproject.toml))
BENCHMARKS := startup.py generator.py training.py "metric.py features" "metric.py distances" search.py latency.py image_sizes.py deployment.py web.py
COMMA := ,
EXTRAS := lite0,onnx,openvino,pairs,predictor,report,tensorboard,workflow
QUIET := -qq
PIP := -m pip install $(QUIET) --disable-pip-version-check

ifeq ($(filter cpu gpu,$(PADDLE)),)
$(error PADDLE=$(PADDLE): expected cpu or gpu)
endif
ifeq ($(filter cyclegan pix2pix,$(TASK)),)
$(error TASK=$(TASK): expected cyclegan or pix2pix)
endif

# Packages that a user's PYTHONPATH brings in would count as installed.
unexport PYTHONPATH PYTHONHOME

.DELETE_ON_ERROR:
.PHONY: help setup demo test test-faults test-fuzz test-paddle26 coverage wheels check-tools docs lint bench web-runtime clean

help:
	@echo "make setup          install everything into .venv; PADDLE=gpu: with Paddle's GPU build"
	@echo "make demo           run the six stages on a synthetic set of images; TASK=pix2pix: on paired ones; CONFIG=FILE: another pipeline"
	@echo "make test           run the tests; TORCH=2.13.0: with PyTorch, for those that compare with it"
	@echo "make test-faults    kill commands, and fail what they do with files, at every place (an hour)"
	@echo "make test-fuzz      read 2,000 damaged files of each kind, and try absurd values for every option (half an hour)"
	@echo "make test-paddle26  run the short suite on paddlepaddle 2.6, in .venv-paddle26"
	@echo "make coverage       run the tests and say which lines they miss; fails below 90 % (the settings: pyproject.toml)"
	@echo "make wheels         build the seven packages, sources and wheels, into out/packages"
	@echo "make check-tools    install each tool's wheel without the other five, and run it"
	@echo "make docs           build the documentation's pages, English and Chinese, into out/site"
	@echo "make lint           check style, format, types and the Dockerfile"
	@echo "make web-runtime    fetch what ganc-export --format web puts beside the generator, for exports without a network"
	@echo "make bench          print the tables of benchmarks/ (an hour; some need PyTorch, and say so)"
	@echo "make clean          remove the environments and caches; out/ stays"
	@echo
	@echo "PYTHON=python3.12 chooses the interpreter, WORKERS=4 the number of test processes."

# $(1) environment, $(2) constraints, $(3) extras of ganc-common. Without the mark $@ the environment is absent, of
# another kind, or was interrupted while it was made: it is made anew. With it, pip brings it up to date.
define install
	@command -v $(PYTHON) >/dev/null || { echo "$(PYTHON): not found; ganc needs Python 3.11 or later" >&2; exit 1; }
	@$(PYTHON) scripts/check_python.py $(2)
	@echo "$(1): installing ganc-common[$(3)] and the six tools with $(2)" >&2
	@test -e $@ || $(PYTHON) -m venv --clear $(1)
	@rm -f $@
	@$(1)/bin/python $(PIP) -c $(2) setuptools && \
	$(1)/bin/python $(PIP) -c $(2) --no-build-isolation -e "./common[$(3)]" $(TOOLS) -e ".[dev]" || \
	{ echo "$(1): not installed; make QUIET= shows all that pip says" >&2; exit 1; }
	@touch $@
endef

setup: $(READY)

$(READY): $(PROJECTS) $(CONSTRAINTS)
	$(call install,.venv,$(CONSTRAINTS),$(PADDLE)$(COMMA)$(EXTRAS))

$(READY26): $(PROJECTS) constraints-paddle26.txt
	$(call install,.venv-paddle26,constraints-paddle26.txt,cpu)

demo: setup
	@$(BIN)/snakemake --cores all --quiet host reason rules --snakefile workflow/Snakefile \
		--configfile $(CONFIG)
	@$(BIN)/python workflow/check.py $(CONFIG)

test: setup
	@test -z "$(TORCH)" || $(BIN)/python $(PIP) -c $(CONSTRAINTS) torch==$(TORCH) || $(NO_TORCH)
	@test -z "$(TORCH)" || $(BIN)/python $(PIP) --no-deps pytorch-fid==0.3.0 efficientnet-lite-pytorch==0.1.0 || $(NO_TORCH)
	@$(BIN)/python -m pytest -n $(WORKERS)

test-faults: setup
	@GANC_FAULTS=all $(BIN)/python -m pytest -n $(WORKERS) tests/faults

test-fuzz: setup
	@GANC_FUZZ=2000 $(BIN)/python -m pytest -n $(WORKERS) tests/fuzz

test-paddle26: $(READY26)
	@$(BIN26)/python -m pytest -m paddle26

coverage: setup
	@$(BIN)/python -m pytest -q -n $(WORKERS) --cov

wheels: setup
	@$(BIN)/python scripts/build_packages.py out/packages

check-tools: setup
	@$(BIN)/python scripts/check_tools.py

docs: setup
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet --strict --site-dir out/site
	@echo "out/site/index.html" >&2

lint: setup
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/hadolint Dockerfile

bench: setup
	@for command in $(BENCHMARKS); do echo "== $$command"; $(BIN)/python benchmarks/$$command || exit 1; done

web-runtime: setup
	@$(BIN)/python -c "from ganc_export.web.runtime import find_runtime; print(find_runtime())"

clean:
	rm -rf .venv .venv-paddle26 .pytest_cache .ruff_cache .mypy_cache .coverage .snakemake build *.egg-info \
		common/src/*.egg-info tools/*/src/*.egg-info
	find common tools tests benchmarks scripts -name __pycache__ -type d -prune -exec rm -rf {} +
