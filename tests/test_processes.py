"""The helper that stops programs: a program that ends on its own is a failure that says why."""

import signal

import pytest

from tests import processes


def test_a_program_that_ends_before_it_is_stopped_shows_what_it_said(tmp_path):
    with pytest.raises(AssertionError, match="(?s)exit code 1:.*No module named no_such_module"):
        processes.stop_when_there("no_such_module", path=tmp_path / "never", signal_number=signal.SIGKILL)


def test_a_program_is_stopped_when_the_file_is_there(tmp_path):
    server = ("http.server", 0, "--bind=127.0.0.1")  # never ends on its own
    assert processes.stop_when_there(*server, path=tmp_path, signal_number=signal.SIGKILL) == -signal.SIGKILL
