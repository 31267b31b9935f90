# Everything from install to report. Needs make, a Python 3.9-3.13 and a package index; nothing else.
#
#   make demo                      install, then prepare -> train -> export -> embed -> evaluate -> report
#   make demo ESC50_DIR=FOLDER     the same on ESC-50 instead of synthetic sounds, in demo-esc50/
#   make test                      the unit tests (5 minutes on two cores);  make test-all adds the slow ones
#   make lint                      ruff and mypy
#   make .venv                     only install, with the Python that `python3` is if the project runs on it;
#                                  PYTHON=python3.11 chooses another, VENV=FOLDER another place
#   make clean                     remove what these made, .venv included

PYTHON ?=
VENV ?= .venv
ESC50_DIR ?=
EXTRAS ?= data_prep,dask,video,litert,onnx,faiss,test,lint
# `python -m` throughout: the scripts in .venv/bin break when the path of this folder has spaces.
RUN = $(VENV)/bin/python
# A process per core, at most four: each loads TensorFlow. The tests of a module stay together and share what it sets up.
PYTEST = $(RUN) -m pytest --numprocesses=auto --maxprocesses=4 --dist=loadscope --durations=15 --durations-min=3
SUPPORTED = import sys; sys.exit(not (3, 9) <= sys.version_info[:2] <= (3, 13))
VERSION = import sys; print(sys.version)
CONSTRAINTS = import sys; print("constraints.txt" if sys.version_info < (3, 12) else "constraints-current.txt")
SAY_LANE = @$(RUN) -c "from audioset_triplet import compat; print(compat.description())"

.PHONY: .venv demo test test-slow test-all lint clean always

.venv: $(VENV)/installed

# Made again where PYTHON asks for another Python than the one that is in it.
ifneq ($(PYTHON),)
ifneq ($(shell command -v $(PYTHON) >/dev/null && $(PYTHON) -c '$(VERSION)' 2>/dev/null),$(shell $(RUN) -c '$(VERSION)' 2>/dev/null))
$(VENV)/installed: always
endif
endif

# The stamp is written last, so that an installation that failed is taken up again by the next make.
$(VENV)/installed: setup.py constraints.txt constraints-current.txt
	@set -e; found=; \
	wanted="$(if $(PYTHON),$$($(PYTHON) -c '$(VERSION)' 2>/dev/null || echo none))"; \
	has="$$($(RUN) -c '$(VERSION)' 2>/dev/null || true)"; \
	if [ "$${wanted:-$$has}" != "$$has" ] || ! { $(RUN) -c '$(SUPPORTED)' && $(RUN) -m pip --version; } >/dev/null 2>&1; then \
		for python in $(PYTHON) $(if $(PYTHON),,python3 python3.13 python3.12 python3.11 python3.10 python3.9 python); do \
			if "$$python" -c '$(SUPPORTED)' >/dev/null 2>&1; then found="$$python"; break; fi; \
		done; \
		if [ -z "$$found" ]; then \
			python="$(or $(PYTHON),python3)"; \
			version="$$("$$python" --version 2>/dev/null || echo not there)"; \
			echo "error: no Python 3.9, 3.10, 3.11, 3.12 or 3.13 found ($$python is $$version): TensorFlow has no release for others. One of these gets one:"; \
			echo "  sudo apt install python3-full                    Debian 12 and 13, Ubuntu 22.04 and 24.04"; \
			echo "  sudo dnf install python3.13                      Fedora"; \
			echo "  brew install python@3.13                         macOS"; \
			echo "  pyenv install 3.13 && pyenv local 3.13           anywhere"; \
			echo "  uv python install 3.13                           anywhere; then make PYTHON=\"\$$(uv python find 3.13)\""; \
			exit 1; \
		fi >&2; \
		echo "Making $(VENV) with $$("$$found" --version) ($$found)"; \
		"$$found" -m venv --clear $(VENV) || { \
			rm -rf $(VENV); \
			echo "error: $$found cannot make a virtual environment. On Debian and Ubuntu its venv module is a package of its own:"; \
			echo "  sudo apt install $$("$$found" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')"; \
			exit 1; \
		} >&2; \
	fi; \
	constraints="$$($(RUN) -c '$(CONSTRAINTS)')"; \
	echo "Installing into $(VENV): the set of $$constraints, about 700 MB to download the first time"; \
	$(RUN) -m pip install --quiet --disable-pip-version-check --constraint "$$constraints" --editable '.[$(EXTRAS)]' || { \
		echo "error: the installation failed; pip says why above. What to check:"; \
		echo "  - is the package index reachable?    $(RUN) -m pip download --no-deps --dest /tmp absl-py"; \
		echo "  - is there space?                    $(VENV) needs 3 GB"; \
		echo "  - \"no matching distribution\"?        ready-built packages exist for Linux on x86_64 and for macOS; on"; \
		echo "                                       Windows use WSL 2"; \
		echo "Then run make again: it goes on from here."; \
		exit 1; \
	} >&2; \
	touch $@

demo: $(VENV)/installed
	$(SAY_LANE)
	$(RUN) -m experiments.quickstart $(if $(ESC50_DIR),--output=demo-esc50 --esc50='$(ESC50_DIR)',--output=demo)

test: $(VENV)/installed
	$(SAY_LANE)
	$(PYTEST) --timeout=200 -m "not slow"

# Each process begins with its part of the files, in their order, and takes tests from the others' when it is done: some of
# the modules are minutes long, and would keep one process busy alone at the end.
test-slow: $(VENV)/installed
	$(SAY_LANE)
	$(PYTEST) --dist=worksteal -m slow

test-all: test test-slow

lint: $(VENV)/installed
	$(RUN) -m ruff check .
	$(RUN) -m ruff format --check .
	$(RUN) -m mypy

clean:
	rm -rf .venv .venv-current demo demo-esc50 build *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
