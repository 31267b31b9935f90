"""The tree as its layout promises: imports go down only, each borrowed library has its place, binaries hold no work.

Rules work on source text, so that each can be shown a source that breaks it.
"""

import ast
import functools
import pathlib
from typing import Dict, List, Sequence

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[1]
TREES = ("audioset_triplet", "data_prep", "experiments")

# A module imports from lower ranks and from its own package; two packages on one rank do not know each other.
RANKS = {
    "experiments": 11,
    "data_prep": 10,
    "audioset_triplet.studies": 9,
    "audioset_triplet.labelling.server": 9,
    "audioset_triplet.reports": 8,
    "audioset_triplet.detection": 8,
    "audioset_triplet.training": 7,
    "audioset_triplet.evaluation": 7,
    "audioset_triplet.export": 7,
    "audioset_triplet.labelling": 7,
    "audioset_triplet.search": 7,
    "audioset_triplet.runs": 6,
    "audioset_triplet.sampling": 5,
    "audioset_triplet.models": 5,
    "audioset_triplet.losses": 5,
    "audioset_triplet.store": 4,
    "audioset_triplet.records": 3,
    "audioset_triplet.synthetic": 3,
    "audioset_triplet.media": 2,
    "audioset_triplet.frontend": 2,
    "audioset_triplet.jobs": 1,
    "audioset_triplet.command_line": 2,
    "audioset_triplet.distribution": 1,
    "audioset_triplet.presets": 1,
    "audioset_triplet.results": 1,
    "audioset_triplet.labels": 1,
    "audioset_triplet.config": 0,
    "audioset_triplet.clips": 0,
    "audioset_triplet.files": 0,
    "audioset_triplet.settings": 0,
    "audioset_triplet.tables": 0,
    "audioset_triplet.text_files": -1,
    "audioset_triplet.named_values": -1,
    "audioset_triplet.file_kinds": -2,
    "audioset_triplet.errors": -2,
    "audioset_triplet.compat": -2,
    "audioset_triplet.plurals": -2,
    "audioset_triplet.progress_bars": -2,
    "audioset_triplet": -3,  # the version
}
KERAS_CHOICE = "audioset_triplet.compat"  # imported with the library itself, so that it comes before TensorFlow
BINARY_PACKAGES = ("experiments", "data_prep")  # they import command_line, so that it comes before TensorFlow
SHARED_BY_BINARIES = (
    "data_prep.program",
    "data_prep.folder_flags",
    "experiments.benchmarks.shared",
)  # flags that several of them have
MAIN = 'if __name__ == "__main__":'  # the line that makes a module a binary
ONE_MODULE_ONLY = ("pyarrow.parquet", "tensorflow_io", "tensorflow_addons", "tqdm")
PRIVATE = ("tensorflow.python", "tensorflow_core", "keras")
BENCHMARKS = "experiments.benchmarks"  # programs that time things: they may loop and write tables
TEMPLATE_ENGINE = "jinja2"
JSON_WRITERS = ("json.dump", "json.dumps", "files.write_json")
PAGE_BUILDERS = (TEMPLATE_ENGINE, "audioset_triplet.reports.page")
FRONT_END = "audioset_triplet.frontend"
# Sample rate, samples and hop of a log-mel window, which a FrontEnd says. The allowed ones belong to formats and to the
# synthetic world.
LOG_MEL_NUMBERS = (16000, 15600, 15360, 0.96)
LOG_MEL_NUMBERS_ALLOWED = {
    "audioset_triplet.records.schema": 16000,  # rate of records of version 1
    "audioset_triplet.store.features": 0.96,  # hop of AudioSet's released features
    "audioset_triplet.synthetic.sounds": 16000,  # rate of the synthetic audio
}


@functools.cache
def _sources() -> Dict[str, str]:
    """Module name -> source text, of every module of the three trees."""
    sources = {}
    for tree in TREES:
        for path in sorted((ROOT / tree).rglob("*.py")):
            parts = path.relative_to(ROOT).with_suffix("").parts
            sources[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path.read_text()
    return sources


@functools.cache
def _imports(source: str) -> Sequence[str]:
    """Every name that is imported, anywhere in the source, with its module: `from a.b import c` gives a.b.c."""
    names: List[str] = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names += [f"{'.' * node.level}{node.module or ''}.{alias.name}" for alias in node.names]
    return names


def _within(name: str, package: str) -> bool:
    return name == package or name.startswith(package + ".")


def _package(name: str) -> str:
    """The longest entry of RANKS that holds this module (or name in a module)."""
    return max((package for package in RANKS if _within(name, package)), key=len, default="")


def _is_binary(source: str) -> bool:
    return f"\n{MAIN}\n" in source


def faults(module: str, source: str) -> List[str]:
    """What one module does against the rules."""
    found = []
    own = _package(module)
    if own not in RANKS or (own == "audioset_triplet" and module != own):
        found.append(f"{module} has no rank: add its package to RANKS")
        return found
    binary = _is_binary(source) or module in SHARED_BY_BINARIES
    for name in _imports(source):
        if name.startswith("."):
            found.append(f"{module} imports {name}: write the whole name")
        target = _package(name)
        if target == "audioset_triplet.command_line" and not (binary or module in BINARY_PACKAGES):
            found.append(f"{module} imports command_line, which only binaries do")
        elif (module, target) == ("audioset_triplet", KERAS_CHOICE):
            continue
        elif target and target != own and RANKS[target] >= RANKS[own]:
            found.append(f"{module} imports {name}, which is not below it")
        if _within(name, "absl") and not binary and module != "audioset_triplet.command_line":
            found.append(f"{module} imports absl, which only binaries and command_line do")
        if any(_within(name, private) for private in PRIVATE):
            found.append(f"{module} imports {name}: only the public tf.keras is used")
    if own == "experiments" and module != own and not _within(module, BENCHMARKS) and not _is_binary(source):
        found.append(f"{module} is not a program: move it into the library")
    if _is_binary(source) and not _within(module, BENCHMARKS):
        found += [f"{module}: {fault}" for fault in work_in_a_binary(source)]
    if not _within(module, FRONT_END):
        found += [f"{module}: {fault}" for fault in constants_of_a_front_end(module, source)]
    if own == "audioset_triplet.evaluation":
        found += [f"{module}: {fault}" for fault in more_than_numbers(source)]
    return found


def constants_of_a_front_end(module: str, source: str) -> List[str]:
    """What a module takes from one front end instead of from a FrontEnd: an import of its module, or its numbers.

    Programs, and defaults of configs, may hold such numbers.
    """
    # A FrontEnd, where to get it, what takes one, and what is the same for all.
    public_modules = ("front_end", "registry", "call_sizes", "loudness", "silence")
    shared = [f"{FRONT_END}.{name}" for name in public_modules]
    found = [
        f"imports {name}, which only the registry does"
        for name in _imports(source)
        if name.startswith(f"{FRONT_END}.") and not _is_one_of(name, shared)
    ]
    if _package(module) == "audioset_triplet.config" or not _within(module, "audioset_triplet"):
        return found
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant) and type(node.value) in (int, float) and node.value in LOG_MEL_NUMBERS:
            if node.value != LOG_MEL_NUMBERS_ALLOWED.get(module):
                found.append(f"line {node.lineno}: {node.value} is a number of log-mel: take it from a FrontEnd")
    return found


def work_in_a_binary(source: str) -> List[str]:
    """What a program does itself though it belongs into the library: pages, JSON files, and loops over data.

    A loop may go over flags or a constant, or only print.
    """
    found = [f"imports {name} to build a page" for name in _imports(source) if _is_one_of(name, PAGE_BUILDERS)]
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and (ast.unparse(node.func) in JSON_WRITERS or _opens_to_write(node)):
            found.append(f"line {node.lineno} writes a file: {ast.unparse(node)}")
        elif isinstance(node, ast.While) or (isinstance(node, ast.For) and not _is_loop_of_a_program(node)):
            found.append(f"line {node.lineno} holds a loop over data")
    return found


def more_than_numbers(source: str) -> List[str]:
    """What an evaluation does beyond computing: templates, output, files."""
    found = [f"imports {name}" for name in _imports(source) if _within(name, TEMPLATE_ENGINE)]
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call):
            function = ast.unparse(node.func)
            if function == "print" or function.startswith("files.write") or _opens_to_write(node):
                found.append(f"line {node.lineno} prints or writes: {ast.unparse(node)}")
    return found


def _is_one_of(name: str, packages: Sequence[str]) -> bool:
    return any(_within(name, package) for package in packages)


def _opens_to_write(call: ast.Call) -> bool:
    if ast.unparse(call.func) != "open":
        return False
    modes = [*call.args[1:2], *(keyword.value for keyword in call.keywords if keyword.arg == "mode")]
    return any(not isinstance(mode, ast.Constant) or set(str(mode.value)) & set("wax+") for mode in modes)


def _is_loop_of_a_program(loop: ast.For) -> bool:
    over = ast.unparse(loop.iter)
    is_over_flags = over.startswith(("FLAGS.", "command_line."))
    is_over_a_constant = isinstance(loop.iter, (ast.Tuple, ast.List)) or over.isupper()
    only_prints = all(ast.unparse(statement).startswith("print(") for statement in loop.body)
    return is_over_flags or is_over_a_constant or only_prints


def importers(sources: Dict[str, str], library: str) -> List[str]:
    """The modules that import a library."""
    return [module for module, source in sources.items() if any(_within(name, library) for name in _imports(source))]


@pytest.mark.parametrize("module", sorted(_sources()))
def test_a_module_keeps_the_rules(module):
    assert faults(module, _sources()[module]) == []


@pytest.mark.parametrize("library", ONE_MODULE_ONLY)
def test_a_library_with_one_place_is_imported_in_one_module(library):
    assert len(importers(_sources(), library)) <= 1


@pytest.mark.parametrize(
    "module, source, fault",
    [
        ("audioset_triplet.records.a", "from audioset_triplet.training import b", "not below"),
        ("audioset_triplet.models.a", "import audioset_triplet.losses.b", "not below"),
        ("audioset_triplet.records.a", "def f():\n    from audioset_triplet import sampling", "not below"),
        ("audioset_triplet.records.a", "from data_prep import b", "not below"),
        ("audioset_triplet.records.a", "from . import b", "whole name"),
        ("audioset_triplet.records.a", "from absl import logging", "absl"),
        ("data_prep.a", "from absl import flags", "absl"),
        ("data_prep.a", "from audioset_triplet import command_line", "only binaries"),
        ("audioset_triplet.models.a", "from tensorflow.python.ops import b", "public"),
        ("audioset_triplet.models.a", "from keras.src import b", "public"),
        ("audioset_triplet", "from audioset_triplet import errors", "not below"),
        ("audioset_triplet.new.a", "", "no rank"),
        ("experiments.a", "def f():\n    pass", "not a program"),
        ("experiments.a", f"import jinja2\n\n{MAIN}\n    pass", "build a page"),
        ("experiments.a", f"from audioset_triplet.reports import page\n\n{MAIN}\n    pass", "build a page"),
        ("experiments.a", f"json.dump({{}}, file)\n\n{MAIN}\n    pass", "writes a file"),
        ("data_prep.a", f"files.write_json(path, {{}})\n\n{MAIN}\n    pass", "writes a file"),
        ("experiments.a", f"open(path, 'w')\n\n{MAIN}\n    pass", "writes a file"),
        ("experiments.a", f"open(path, mode='ab')\n\n{MAIN}\n    pass", "writes a file"),
        ("experiments.a", f"for clip in clips:\n    train(clip)\n\n{MAIN}\n    pass", "loop over data"),
        (
            "experiments.a",
            f"for clip in tqdm(clips):\n    print(clip)\n    train(clip)\n\n{MAIN}\n    pass",
            "over data",
        ),
        ("data_prep.a", f"while queue:\n    queue.pop()\n\n{MAIN}\n    pass", "loop over data"),
        ("audioset_triplet.training.a", "from audioset_triplet.frontend import log_mel", "only the registry"),
        ("experiments.a", f"from audioset_triplet.frontend.log_mel import NUM_BANDS\n\n{MAIN}\n    pass", "registry"),
        ("audioset_triplet.store.a", "hop_seconds = 0.96", "0.96 is a number of log-mel"),
        ("audioset_triplet.records.a", "num_samples = round(seconds * 16_000)", "16000 is a number of log-mel"),
        ("audioset_triplet.records.schema", "window = 15600", "15600 is a number of log-mel"),
        ("audioset_triplet.evaluation.a", "import jinja2", "imports jinja2"),
        ("audioset_triplet.evaluation.a", "from audioset_triplet.reports import page", "not below"),
        ("audioset_triplet.evaluation.a", "def f():\n    print(1)", "prints or writes"),
        ("audioset_triplet.evaluation.a", "files.write_text(path, text)", "prints or writes"),
        ("audioset_triplet.evaluation.a", "open(path, 'w')", "prints or writes"),
    ],
)
def test_a_module_that_breaks_a_rule_is_named(module, source, fault):
    assert [line for line in faults(module, source) if module in line and fault in line]


@pytest.mark.parametrize(
    "module, source",
    [
        ("audioset_triplet.records.a", "from audioset_triplet.records import b\nfrom audioset_triplet import frontend"),
        ("audioset_triplet.training.a", "import tensorflow as tf\nfrom audioset_triplet.losses import b"),
        ("audioset_triplet.training.a", "from audioset_triplet.frontend import loudness, registry"),
        ("audioset_triplet.frontend.registry", "from audioset_triplet.frontend import log_mel\nRATE_HZ = 16000"),
        ("audioset_triplet", "import audioset_triplet.compat"),
        ("audioset_triplet.records.schema", "DEFAULT_FORMAT = (16000, 1)"),
        ("audioset_triplet.config.a", "sample_rate_hz: int = 16000"),
        ("experiments.a", f"from absl import flags\nfrom audioset_triplet import command_line\n\n{MAIN}\n    pass"),
        ("experiments.a", f"for name in FLAGS.names:\n    f(name)\nfor x in NAMES:\n    f(x)\n\n{MAIN}\n    pass"),
        ("experiments.a", f"for line in lines:\n    print(line)\njson.load(open(path))\n\n{MAIN}\n    pass"),
        ("experiments.benchmarks.a", f"for _ in range(repeats):\n    f()\n\n{MAIN}\n    pass"),
        ("data_prep.a", "for clip in clips:\n    f(clip)"),  # not a program
    ],
)
def test_a_module_that_keeps_the_rules_is_left_alone(module, source):
    assert faults(module, source) == []


def test_an_import_inside_a_function_counts():
    sources = {"a": "import tensorflow as tf", "b": "def f():\n    import tensorflow_io as tfio", "c": ""}
    assert importers(sources, "tensorflow_io") == ["b"]


def test_only_the_registry_knows_the_builder_of_an_architecture():
    sources = _sources()
    models = [name for name in sources if name.startswith("audioset_triplet.models.")]
    builders = [name for name in models if "\ndef features(" in sources[name]]
    assert len(builders) >= 6
    for builder in builders:
        assert importers(sources, builder) == ["audioset_triplet.models.registry"]


def test_packages_are_plain_namespaces():
    inits = {path: path.read_text() for tree in TREES for path in (ROOT / tree).rglob("__init__.py")}
    assert len(inits) > len(TREES)
    for path, text in inits.items():
        body = [ast.unparse(node) for node in ast.parse(text).body if not isinstance(node, (ast.Expr, ast.Assign))]
        package = path.parent.name
        expected = ["import logging"] * (package == "data_prep")  # to silence a library when it is imported
        expected += ["import audioset_triplet.command_line"] * (package in BINARY_PACKAGES)
        expected += [f"import {KERAS_CHOICE}"] * (package == "audioset_triplet")
        assert body == expected, f"{path}: an __init__.py holds at most a docstring and the version"
