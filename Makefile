# Everything from install to report. Needs make, a Python 3.9-3.11 and a package index; nothing else.
#
#   make demo                      install, then prepare -> train -> export -> embed -> evaluate -> report
#   make demo ESC50_DIR=FOLDER     the same on ESC-50 instead of synthetic sounds, in demo-esc50/
#   make test                      the unit tests (3 minutes on two cores);  make test-all adds the slow ones
#   make lint                      ruff and mypy
#   make .venv                     only install;  PYTHON=python3.10 chooses the Python
#   make clean                     remove what these made, .venv included

PYTHON ?=
ESC50_DIR ?=
EXTRAS ?= data_prep,dask,video,litert,test,lint
# `python -m` throughout: the scripts in .venv/bin break when the path of this folder has spaces.
RUN = .venv/bin/python
# A process per core, at most four: each loads TensorFlow. The tests of a module stay together and share what it sets up.
PYTEST = $(RUN) -m pytest --numprocesses=auto --maxprocesses=4 --dist=loadscope
SUPPORTED = import sys; sys.exit(not (3, 9) <= sys.version_info[:2] <= (3, 11))

.PHONY: .venv demo test test-slow test-all lint clean

.venv: .venv/installed

# The stamp is written last, so that an installation that failed is taken up again by the next make.
.venv/installed: setup.py constraints.txt
	@set -e; found=; \
	if ! { $(RUN) -c '$(SUPPORTED)' && $(RUN) -m pip --version; } >/dev/null 2>&1; then \
		for python in $(PYTHON) $(if $(PYTHON),,python3.11 python3.10 python3.9 python3 python); do \
			if "$$python" -c '$(SUPPORTED)' >/dev/null 2>&1; then found="$$python"; break; fi; \
		done; \
		if [ -z "$$found" ]; then \
			echo "error: no Python 3.9, 3.10 or 3.11 found$(if $(PYTHON), under the name $(PYTHON)). TensorFlow 2.15 runs on these only. One of these gets one:"; \
			echo "  sudo apt install python3.11 python3.11-venv      Debian 12 (Ubuntu 22.04: python3.10 python3.10-venv)"; \
			echo "  sudo dnf install python3.11                      Fedora, RHEL 9"; \
			echo "  brew install python@3.11                         macOS"; \
			echo "  pyenv install 3.11 && pyenv local 3.11           anywhere"; \
			echo "  uv python install 3.11                           anywhere; then make PYTHON=\"\$$(uv python find 3.11)\""; \
			exit 1; \
		fi >&2; \
		echo "Making .venv with $$("$$found" --version) ($$found)"; \
		"$$found" -m venv --clear .venv || { \
			rm -rf .venv; \
			echo "error: $$found cannot make a virtual environment. On Debian and Ubuntu its venv module is a package of its own:"; \
			echo "  sudo apt install $$("$$found" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')"; \
			exit 1; \
		} >&2; \
	fi; \
	echo "Installing into .venv: the set of constraints.txt, about 700 MB to download the first time"; \
	$(RUN) -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[$(EXTRAS)]' || { \
		echo "error: the installation failed; pip says why above. What to check:"; \
		echo "  - is the package index reachable?    $(RUN) -m pip download --no-deps --dest /tmp absl-py"; \
		echo "  - is there space?                    .venv needs 3 GB"; \
		echo "  - \"no matching distribution\"?        ready-built packages exist for Linux on x86_64 and for macOS; on"; \
		echo "                                       Windows use WSL 2"; \
		echo "Then run make again: it goes on from here."; \
		exit 1; \
	} >&2; \
	touch $@

demo: .venv/installed
	$(RUN) -m experiments.quickstart $(if $(ESC50_DIR),--output=demo-esc50 --esc50='$(ESC50_DIR)',--output=demo)

test: .venv/installed
	$(PYTEST) -m "not slow"

# In the order of the files: by default the modules with the fewest tests, which are among the longest, come last.
test-slow: .venv/installed
	$(PYTEST) --no-loadscope-reorder -m slow

test-all: test test-slow

lint: .venv/installed
	$(RUN) -m ruff check .
	$(RUN) -m ruff format --check .
	$(RUN) -m mypy

clean:
	rm -rf .venv demo demo-esc50 build *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
