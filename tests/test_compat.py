"""Which lane this is, and what importing the library does. Fake libraries are folders with the names of real ones."""

import os
import subprocess
import sys
import textwrap

import pytest
import tensorflow as tf

from audioset_triplet import compat
from tests import processes

IN_CURRENT_LANE = pytest.mark.skipif(compat.IS_REFERENCE, reason="in the reference lane tf.keras is always Keras 2")


def run(code, *folders, **variables):
    """A Python of its own, which looks into these folders before all others, and has no say in Keras yet."""
    environment = {name: value for name, value in processes.environment().items() if name != "TF_USE_LEGACY_KERAS"}
    environment["PYTHONPATH"] = os.pathsep.join([*map(str, folders), environment["PYTHONPATH"]])
    command = [sys.executable, "-c", textwrap.dedent(code)]
    return subprocess.run(command, env={**environment, **variables}, capture_output=True, text=True, timeout=120)


def last_line(result):
    return result.stderr.strip().splitlines()[-1]


@pytest.fixture
def fake(tmp_path):
    """Makes a folder with a TensorFlow of some version, which is only its name and what it does when imported."""

    def make(version, source="", has_keras_2=True):
        (tmp_path / f"tensorflow-{version}.dist-info").mkdir()
        for package in ["tensorflow"] + ["tf_keras"] * has_keras_2:
            (tmp_path / package).mkdir()
            (tmp_path / package / "__init__.py").write_text(textwrap.dedent(source) if package == "tensorflow" else "")
        return tmp_path

    return make


def test_the_lane_is_that_of_the_libraries_that_are_there():
    assert compat.IS_REFERENCE == (sys.version_info < (3, 12)) == (compat.tensorflow_io() is not None)
    assert compat.IS_REFERENCE == (compat.tensorflow_addons() is not None)
    version = ".".join(tf.__version__.split(".")[:2])
    assert compat.description().startswith(f"{compat.LANE} lane: Python 3.")
    assert compat.description().endswith(f", TensorFlow {version}")


@pytest.mark.parametrize("version, is_reference", [("2.15.1", True), ("2.16.0rc0", False), ("3.0.0", False)])
def test_the_lane_follows_tensorflow_which_is_not_imported(fake, version, is_reference):
    folder = fake(version, "raise RuntimeError('imported')")
    (folder / "tensorflow_io-0.36.0.dist-info").mkdir()
    result = run("import audioset_triplet.compat as c, os; print(c.IS_REFERENCE, os.environ.get(c.VARIABLE))", folder)
    assert result.stdout.split() == [str(is_reference), "None" if is_reference else "1"], result.stderr


def test_no_keras_2_is_one_clear_line(fake):
    result = run(
        "import importlib.util as u\nfind = u.find_spec\nu.find_spec = lambda n: None if n == 'tf_keras' else find(n)\n"
        "import audioset_triplet",
        fake("2.21.0", has_keras_2=False),
    )
    assert "install the tf-keras of the same version" in last_line(result)


@IN_CURRENT_LANE
def test_keras_3_in_use_is_one_clear_line():
    result = run("import tensorflow as tf\ntf.keras.Model\nimport audioset_triplet")
    assert last_line(result).startswith("ImportError: tf.keras was used before audioset_triplet was imported")


ASK_KERAS = "print(tf.keras.Model.__module__, hasattr(tf.keras.optimizers.legacy.Adam, 'get_slot'), flush=True)"


def test_keras_is_keras_2_also_where_tensorflow_comes_first():
    result = run(f"import tensorflow as tf, audioset_triplet\n{ASK_KERAS}")
    keras = "keras" if compat.IS_REFERENCE else "tf_keras"
    assert result.stdout.splitlines() == [f"{keras}.src.engine.training True"], result.stderr


@IN_CURRENT_LANE
def test_keras_is_keras_2_in_child_processes():
    child = f"subprocess.run([sys.executable, '-c', {'import tensorflow as tf; ' + ASK_KERAS!r}])"
    result = run(f"import audioset_triplet, subprocess, sys\n{child}")
    assert result.stdout.splitlines() == ["tf_keras.src.engine.training True"], result.stderr


LOUD = """
    import os, sys
    os.write(2, b"WARNING: All log messages before absl::InitializeLog() is called are written to STDERR\\n")
    os.write(2, b"I0000 00:00:1.2 port.cc:153] oneDNN custom operations are on.\\n")
    print("a warning of Python", file=sys.stderr)
    os.write(2, b"E0000 00:00:1.2 a.cc:1] an error\\n")
    {end}
"""
QUIET = """
    from audioset_triplet import compat
    compat.quiet_tensorflow()
    import sys, tensorflow
    print("I" + "0000 later", file=sys.stderr)
"""


def test_notes_are_dropped_while_tensorflow_is_imported_and_nothing_else(fake):
    result = run(QUIET, fake("2.21.0", LOUD.format(end="")))
    assert result.stderr.splitlines() == ["a warning of Python", "E0000 00:00:1.2 a.cc:1] an error", "I0000 later"]


def test_an_import_that_fails_says_why(fake):
    result = run(QUIET, fake("2.21.0", LOUD.format(end="raise ImportError('no such processor')")))
    assert "E0000" in result.stderr and "I0000" not in result.stderr and last_line(result).endswith("no such processor")


def test_the_last_words_of_a_process_that_dies_in_the_import_are_seen(fake):
    result = run(QUIET, fake("2.21.0", LOUD.format(end="os.write(2, b'F0000 no AVX\\n'); os.abort()")))
    assert result.returncode < 0 and "F0000 no AVX" in result.stderr and "I0000" not in result.stderr


def test_a_program_says_nothing_of_its_own_while_tensorflow_is_imported():
    result = run("import experiments, tensorflow as tf; tf.zeros([2]) + 1", TF_CPP_MIN_LOG_LEVEL="3")
    assert (result.returncode, result.stderr) == (0, "")
