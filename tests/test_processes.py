"""The helper that runs and stops programs."""

import signal
import sys

import pytest

from tests import processes


def test_a_program_that_ends_before_it_is_stopped_shows_what_it_said(tmp_path):
    with pytest.raises(AssertionError, match="(?s)exit code 1:.*No module named no_such_module"):
        processes.stop_when_there("no_such_module", path=tmp_path / "never", signal_number=signal.SIGKILL)


def test_a_program_is_stopped_when_the_file_is_there(tmp_path):
    server = ("http.server", 0, "--bind=127.0.0.1")  # never ends on its own
    assert processes.stop_when_there(*server, path=tmp_path, signal_number=signal.SIGKILL) == -signal.SIGKILL


def test_a_fork_runs_a_program_as_a_process_of_its_own_does(tmp_path, monkeypatch):
    (tmp_path / "shown.py").write_text(
        '"""Its own page."""\n'
        "import os, random, signal, sys, numpy\n"
        "print(__name__, __doc__, sys.modules['__main__'].__doc__, sys.argv, os.environ.get('TF_CPP_MIN_LOG_LEVEL'))\n"
        "print(signal.getsignal(signal.SIGINT) is signal.default_int_handler, sys.stdin.read(), file=sys.stderr)\n"
        "print('tensorflow' in sys.modules, [name for name in sys.modules if name.startswith('audioset')])\n"
        "print(random.random(), numpy.random.random())\n"
        "sys.exit(7)\n"
    )
    monkeypatch.setattr(processes, "ROOT", tmp_path)
    monkeypatch.setenv("TF_CPP_MIN_LOG_LEVEL", "2")
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    first, second, fresh = (run("shown", "--a=1", 2) for run in (processes.run, processes.run, processes.run_afresh))
    *said, forked_with, numbers = first.stdout.splitlines()
    *expected, _, _ = fresh.stdout.splitlines()
    assert (first.returncode, said, first.stderr) == (fresh.returncode, expected, fresh.stderr)
    assert (
        forked_with == "True ['audioset_triplet.compat', 'audioset_triplet']"
    )  # TensorFlow, and what chooses its Keras
    assert numbers != second.stdout.splitlines()[-1]


def test_a_program_that_takes_too_long_is_killed_and_shows_what_it_said(tmp_path):
    with pytest.raises(AssertionError, match=r"(?s)http.server takes more than 1 s:.*"):
        processes.run("http.server", 0, "--bind=127.0.0.1", timeout=1)
