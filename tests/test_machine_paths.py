"""No file of the repository names a path of one machine."""

import re
import subprocess
from typing import Dict

import pytest

from tests.test_documents import ROOT

# The roots under which people and machines keep their files.
MACHINE_PATH = re.compile(r"(?<![\w.~<{-])/(?:root|home|work|mnt|Users|private|workspace)/\w")


def _text_files() -> Dict[str, str]:
    """Path -> text of every file of the repository, as git lists them."""
    listing = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    if listing.returncode:
        pytest.skip(f"needs git and a checkout to know which files belong to the repository: {listing.stderr.strip()}")
    names = [name for name in listing.stdout.split("\0") if name and (ROOT / name).is_file()]
    return {name: (ROOT / name).read_bytes().decode("utf-8", "ignore") for name in names}


def test_no_file_names_a_path_of_one_machine():
    files = _text_files()
    assert "setup.py" in files
    named = [(name, match.group()) for name, text in files.items() for match in MACHINE_PATH.finditer(text)]
    assert named == []


def test_a_path_of_one_machine_is_recognised():
    folder = "/".join(["", "home", "someone"])
    assert MACHINE_PATH.search(f"see {folder}") and MACHINE_PATH.search(f'"{folder}/x"')
    assert not MACHINE_PATH.search("https://example.com" + folder) and not MACHINE_PATH.search("data/home/x")
