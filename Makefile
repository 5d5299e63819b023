# Each target creates its virtual environment itself; nothing else has to be installed first.
#   make bench          fetch real models and measure them here
#   make peers          the suite on bare ONNX Runtime, LiteRT, OpenVINO, MNN and on edgeai, in one run: an hour
#   make bundles        make the example bundles
#   make results        write the table of benchmarks/results into benchmarks/README.md
#   make models         make the models that come with edgeai again (in the exporters' environment)
#   make test           the tests (make test-long: those over 60 s)
#   make check          format, lint, types, import rules, tests
#   make test-export    the tests of the exporters, which need PyTorch and others (Python 3.11, 2 GB)
PYTHON ?= python3
VENV ?= .venv
# Constraints for pip, to test with a board's versions.
CONSTRAINTS ?=
EXTRAS ?= onnx,tflite,openvino,image,audio,text,otii,joulescope,dev
EXPORT_EXTRAS := onnx,tflite,image,audio,text,quant,tflite-export,torch,hf,optimum,litert-torch,keras,prune,dev
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
PYTHONS ?= 3.10 3.11 3.12 3.13

.PHONY: bench peers bundles results models test test-long check lint format test-pythons test-export export-environment check-jetpack6 clean

$(STAMP): pyproject.toml $(CONSTRAINTS)
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check \
		$(if $(CONSTRAINTS),-c $(CONSTRAINTS)) -e '.[$(EXTRAS)]'
	touch $@

# First those that come with edgeai, which need no network.
bench: $(STAMP)
	$(BIN)/edgeai bench --quick
	$(BIN)/edgeai bench --suite public --quick

# In an environment of its own: the peers' libraries are nothing that edgeai needs. ARGS=--quick for a look.
PEERS := .venv-peers
$(PEERS)/.installed: pyproject.toml
	$(PYTHON) -m venv $(PEERS)
	$(PEERS)/bin/python -m pip install --quiet --disable-pip-version-check -e '.[onnx,tflite,openvino]' 'MNN>=3.6'
	touch $@

peers: $(PEERS)/.installed
	$(PEERS)/bin/python benchmarks/peers/suite.py $(ARGS)

bundles: $(STAMP)
	$(BIN)/python -m edgeai_bench.bundles -o bundles

results: $(STAMP)
	$(BIN)/python -m edgeai_bench.results $(ARGS)

test: $(STAMP)
	$(BIN)/python -m pytest -m 'not long' $(ARGS)

test-long: $(STAMP)
	$(BIN)/python -m pytest -m long $(ARGS)

check: lint test

lint: $(STAMP)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(STAMP)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

# The whole check with the versions of JetPack 6: Python 3.10, onnxruntime 1.23.2, numpy 1.26.
check-jetpack6:
	@python=$$(packaging/find-python 3.10) && \
		$(MAKE) check PYTHON=$$python VENV=.venv-jetpack6 CONSTRAINTS=packaging/constraints-jetpack6.txt

# The exporters' environment. The constraints pin PyTorch's CPU build: an open range may take gigabytes.
export-environment:
	@python=$$(packaging/find-python 3.11) && \
		$(MAKE) .venv-export/.installed PYTHON=$$python VENV=.venv-export \
			CONSTRAINTS=packaging/constraints-export.txt EXTRAS=$(EXPORT_EXTRAS)

# The exporters' tests, the long ones too.
test-export: export-environment
	.venv-export/bin/python -m pytest tests/exporters $(ARGS)

# From the students in exporters/recipes/trained; ARGS=--train trains them first, four minutes on one thread.
models: export-environment
	.venv-export/bin/python benchmarks/models/make_models.py $(ARGS)

# The suite on every Python from 3.10 to 3.13 that this machine has.
test-pythons:
	@for version in $(PYTHONS); do \
		if python=$$(packaging/find-python $$version); then \
			echo "== Python $$version: $$python"; \
			$(MAKE) test PYTHON=$$python VENV=.venv-$$version || exit 1; \
		else echo "== Python $$version: not on this machine, skipped"; fi; \
	done

clean:
	rm -rf .venv .venv-* dist build
