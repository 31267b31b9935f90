"""setup.py, both lists of constraints and the Makefile hold together, and what is installed is what they ask for."""

import ast
import functools
import importlib.metadata
import itertools
import os
import pathlib
import re
import runpy
import subprocess
import sys
from typing import Any, Dict, Iterator, List, Tuple

import pytest
import setuptools
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import audioset_triplet
from audioset_triplet import compat

ROOT = pathlib.Path(__file__).resolve().parents[1]

# The tested sets, and the Pythons that they are for.
SETS = {
    "constraints.txt": ("3.9", "3.10", "3.11"),
    "constraints-current.txt": ("3.12", "3.13"),
}
THIS_SET = "constraints.txt" if compat.IS_REFERENCE else "constraints-current.txt"

# Where the module is not called like the package.
MODULES = {
    "absl-py": "absl",
    "faiss-cpu": "faiss",
    "pillow": "PIL",
    "protobuf": "google",
    "pytest-xdist": "xdist",
    "scikit-learn": "sklearn",
}


@functools.cache
def _requirements() -> Dict[str, List[Requirement]]:
    """Extra -> its requirements, as setup.py hands them to setuptools; empty name: what everybody installs."""
    arguments: Dict[str, Any] = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(setuptools, "setup", arguments.update)
        runpy.run_path(str(ROOT / "setup.py"))
    lists = {"": arguments["install_requires"], **arguments["extras_require"]}
    return {extra: [Requirement(text) for text in texts] for extra, texts in lists.items()}


def _constraints(name: str) -> Dict[str, Requirement]:
    lines = [line for line in (ROOT / name).read_text().splitlines() if line and not line.startswith("#")]
    pins = [Requirement(line) for line in lines]
    assert len({pin.name for pin in pins}) == len(pins)
    return {canonicalize_name(pin.name): pin for pin in pins}


def _is_for(requirement: Requirement, python: str) -> bool:
    """Whether a requirement holds for a version of Python, whatever its extra."""
    return requirement.marker is None or requirement.marker.evaluate({"python_version": python, "extra": ""})


def _here(requirements: List[Requirement]) -> List[Requirement]:
    python = ".".join(map(str, sys.version_info[:2]))
    return [requirement for requirement in requirements if _is_for(requirement, python)]


def _module(requirement: Requirement) -> str:
    return MODULES.get(requirement.name, requirement.name.replace("-", "_"))


EXTRAS = sorted(_requirements())


@pytest.mark.parametrize("extra", EXTRAS)
def test_every_requirement_has_an_upper_bound(extra):
    for requirement in _requirements()[extra]:
        assert {"<", "=="} & {specifier.operator for specifier in requirement.specifier}, str(requirement)


@pytest.mark.parametrize("extra", EXTRAS)
@pytest.mark.parametrize("name", SETS)
def test_the_tested_set_lies_within_the_bounds(name, extra):
    constraints = _constraints(name)
    for requirement in _requirements()[extra]:
        if any(_is_for(requirement, python) for python in SETS[name]):
            (pin,) = constraints[canonicalize_name(requirement.name)].specifier
            assert pin.operator == "==" and requirement.specifier.contains(pin.version), str(requirement)


@pytest.mark.parametrize("extra", EXTRAS)
def test_every_python_has_one_bound_of_each_requirement(extra):
    """What one lane needs in a version of its own, the other has too or lacks."""
    alone = {
        "tensorflow-addons",
        "tensorflow-io",
        "tf-keras",
        "onnx",
        "onnxruntime",
        "tf2onnx",
    }  # no ONNX on Python 3.9
    names = {requirement.name for requirement in _requirements()[extra]}
    for python in itertools.chain(*SETS.values()):
        found = [requirement.name for requirement in _requirements()[extra] if _is_for(requirement, python)]
        assert len(set(found)) == len(found) and names - set(found) <= alone


@pytest.mark.parametrize("name", SETS)
def test_no_pin_is_of_a_package_of_the_other_lane(name):
    foreign = {"constraints.txt": {"tf-keras"}, "constraints-current.txt": {"tensorflow-addons", "tensorflow-io"}}
    assert not foreign[name] & set(_constraints(name))


@pytest.mark.skipif(
    sys.version_info[:2] not in ((3, 11), (3, 13)), reason="the tested sets are of Python 3.11 and 3.13"
)
def test_the_tested_set_is_whole():
    """Every package that the tested set needs is in it, so that a new release elsewhere changes nothing."""
    constraints = _constraints(THIS_SET)
    needed = set()
    for name in constraints:
        try:
            texts = importlib.metadata.requires(name) or []
        except importlib.metadata.PackageNotFoundError:
            continue  # of an extra that is not installed here
        requirements = [Requirement(text) for text in texts]
        needed |= {
            canonicalize_name(requirement.name)
            for requirement in requirements
            if not requirement.marker or requirement.marker.evaluate({"extra": ""})
        }
    assert len(needed) > 30
    assert needed - set(constraints) <= {"setuptools"}  # comes with every virtual environment of Pythons before 3.12


@pytest.mark.parametrize("name", SETS)
def test_the_tested_set_names_no_place(name):
    assert not re.search(r"://|@|--\w*index|find-links", (ROOT / name).read_text())


def test_the_version_is_the_packages_own(tmp_path):
    result = subprocess.run(
        [sys.executable, "setup.py", "--version"], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert result.stdout.split()[-1] == audioset_triplet.__version__


def test_an_installation_holds_every_module_template_and_static_file(tmp_path):
    arguments = ["setup.py", "--quiet", "egg_info", "--egg-base", tmp_path, "build", "--build-base", tmp_path]
    subprocess.run(
        [sys.executable, *arguments, "--build-lib", tmp_path / "lib"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        timeout=60,
    )
    for tree in ("audioset_triplet", "data_prep", "experiments"):
        for pattern in ("*.py", "*.jinja", "static/*"):
            kept = {path.relative_to(ROOT) for path in (ROOT / tree).rglob(pattern)}
            assert kept == {path.relative_to(tmp_path / "lib") for path in (tmp_path / "lib" / tree).rglob(pattern)}


def _imported(source: str) -> Iterator[Tuple[str, bool]]:
    """The packages that a source imports, and whether it does so whenever it is imported itself."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name.split(".")[0], node in tree.body) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module.split(".")[0], node in tree.body


@pytest.mark.skipif(sys.version_info < (3, 10), reason="needs sys.stdlib_module_names of Python 3.10")
def test_what_is_imported_is_required():
    """By everybody, by an extra that is called like the folder, or where the import waits inside a function, by any."""
    trees = {"audioset_triplet", "data_prep", "experiments"}
    modules = {extra: set(map(_module, requirements)) for extra, requirements in _requirements().items()}
    anywhere = set().union(*modules.values())
    missing = []
    for tree in sorted(trees):
        always = modules[""] | modules.get(tree, set())
        missing += [
            (str(path.relative_to(ROOT)), package)
            for path in (ROOT / tree).rglob("*.py")
            for package, at_once in _imported(path.read_text())
            if package not in (always if at_once else anywhere) | trees | sys.stdlib_module_names
        ]
    assert missing == []


def test_make_installs_every_extra_but_the_gpus():
    (line,) = re.findall(r"^EXTRAS \?= (.+)$", (ROOT / "Makefile").read_text(), re.M)
    assert sorted(line.split(",")) == [extra for extra in EXTRAS if extra not in ("", "gpu")]


@pytest.mark.slow
@pytest.mark.parametrize("extra", [extra for extra in EXTRAS if extra != "gpu"])
def test_an_extra_is_installed_and_imports(extra):
    requirements = _here(_requirements()[extra])
    for requirement in requirements:
        try:
            version = importlib.metadata.version(requirement.name)
        except importlib.metadata.PackageNotFoundError:
            pytest.skip(
                f"{requirement.name} of the extra {extra!r} is not installed; `make .venv` installs every extra"
            )
        assert requirement.specifier.contains(version), f"{requirement} asked for, {version} installed"
    code = "\n".join(f"import {module}" for module in ["audioset_triplet", *map(_module, requirements)])
    environment = dict(os.environ, TF_CPP_MIN_LOG_LEVEL="2")
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, timeout=240)
    assert result.returncode == 0, result.stderr
