# catpipe. A newcomer needs `make run` and `make test`; `make help` lists the rest.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help run test lint fmt doc bench setup runtime clean

CATPIPE := target/release/catpipe
# Tests build without link-time optimisation, and fetch what they need with that same program.
CATPIPE_DEV := target/debug/catpipe

# A folder that already holds the cat data: what an air-gapped site sets.
export CATPIPE_MIRROR ?= $(wildcard $(abspath ../shared/mirror))

# HDF5 is built from source and needs cmake 3.26; an older machine gets one into .venv.
SYSTEM_CMAKE := $(shell cmake --version 2>/dev/null | sed -n '1s/[^0-9]*//p')
ifneq ($(shell printf '3.26\n%s\n' '$(SYSTEM_CMAKE)' | sort -VC && echo new),new)
export CMAKE := $(CURDIR)/.venv/bin/cmake
BUILD_TOOLS := .venv/bin/cmake
endif

help: ## list the targets
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 14

run: setup ## set everything up and run the main job: pipelines/resnet.yaml on the cat study
	@code=0; $(CATPIPE) fetch cats >/dev/null || code=$$?; \
	case $$code in \
	0) $(CATPIPE) run pipelines/resnet.yaml ;; \
	3) echo "The cat pictures cannot be reached from here: running on generated pictures instead."; \
	   $(CATPIPE) synth data/quickstart; \
	   $(CATPIPE) run pipelines/quickstart.yaml ;; \
	*) exit $$code ;; \
	esac

setup: $(BUILD_TOOLS) ## build the program, get ONNX Runtime and ResNet50
	@cargo build --release --locked
	@$(CATPIPE) fetch runtime >/dev/null
	@test -f onnx/resnet50.onnx || $(MAKE) --no-print-directory onnx/resnet50.onnx

# Each build has a folder of its own in the cache: none replaces another.
EP ?= cpu
runtime: $(BUILD_TOOLS) ## get ONNX Runtime for a provider: EP=cpu, openvino or cuda
	@cargo build --release --locked
	@$(CATPIPE) fetch runtime --ep $(EP)

test: $(BUILD_TOOLS) ## run all tests
	@cargo build --locked
	@$(CATPIPE_DEV) fetch runtime >/dev/null
	@for file in onnx/resnet50.onnx onnx/efficientnet_lite0.onnx; do \
	  test -f $$file || $(MAKE) --no-print-directory $$file CATPIPE=$(CATPIPE_DEV); \
	done
	cargo test --locked

# Built once, natively, from the published weights; its checksum stands in onnx/resnet50.yaml.
onnx/resnet50.onnx:
	$(CATPIPE) model import tfjs "$$($(CATPIPE) fetch resnet50)" -o $@

# Its checksum stands in onnx/efficientnet_lite0.yaml.
onnx/efficientnet_lite0.onnx:
	$(CATPIPE) model import torch "$$($(CATPIPE) fetch efficientnet_lite0)" -o $@

# Its checksum stands in onnx/mobilenet_v1_075.yaml. The weights come from a mirror folder.
MOBILENET := mobilenet_v1_0.75_224
onnx/mobilenet_v1_075.onnx:
	@test -f "$(CATPIPE_MIRROR)/$(MOBILENET)/model.json" || { \
	  echo "$@ needs TensorFlow.js' MobileNet: put model.json and its shards (group1-shard1of1 ...), from"; \
	  echo "https://storage.googleapis.com/tfjs-models/tfjs/$(MOBILENET)/model.json and beside it,"; \
	  echo "into a folder $(MOBILENET)/ and run: make $@ CATPIPE_MIRROR=the folder around it"; \
	  exit 1; } >&2
	$(CATPIPE) model import tfjs "$(CATPIPE_MIRROR)/$(MOBILENET)/model.json" -o $@

lint: $(BUILD_TOOLS) ## check the format and the lints
	cargo fmt --check
	cargo clippy --locked --all-targets -- -D warnings

fmt: ## format the code
	cargo fmt

doc: $(BUILD_TOOLS) ## build the library's documentation into target/doc
	RUSTDOCFLAGS="-D warnings" cargo doc --locked --no-deps

# PyTorch comes with several gigabytes of libraries: only on request.
ifdef PYTORCH
BENCH_TORCH := .venv-bench-torch
export CATPIPE_BENCH_TORCH := $(CURDIR)/.venv-bench-torch/bin/python
endif

bench: setup .venv-bench/ready $(BENCH_TORCH:%=%/ready) ## measure the speed of every part, as ratios in one run (PYTORCH=1: beside PyTorch too)
	CATPIPE_BENCH_PYTHON=$(CURDIR)/.venv-bench/bin/python cargo bench --locked

clean: ## remove what was built; data, runs and the cache stay
	cargo clean
	rm -rf .venv .venv-bench .venv-bench-torch onnx/*.onnx

.venv/bin/cmake: .ci/cmake.txt
	python3 -m venv .venv
	.venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $<
	touch $@

# The programs that `make bench` compares with.
.venv-bench/ready: .ci/peers.txt
	python3 -m venv .venv-bench
	.venv-bench/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r $<
	touch $@

.venv-bench-torch/ready:
	python3 -m venv .venv-bench-torch
	.venv-bench-torch/bin/python -m pip install --quiet --disable-pip-version-check torch==2.15.0 numpy==2.4.6 pillow==13.0.0
	touch $@
