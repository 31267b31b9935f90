"""The campaign itself: seeds name inputs, and each sort of fault is seen; then a thousand inputs."""

import pathlib
import subprocess

import numpy as np
import pytest

from tests import processes
from tests.fuzz import campaign, families, mutations, outcomes
from tests.fuzz.family import Family
from tests.fuzz.outcomes import Fault, Outcome

FIRST_SEED, NUM_INPUTS = 20261128, 1000
CONTENT = bytes(range(256)) * 8


@pytest.mark.parametrize("seed", range(50))
def test_a_seed_names_an_input(seed):
    first, second = (mutations.mutate(CONTENT, [b"other"], np.random.default_rng(seed)) for _ in range(2))
    assert first == second


def test_most_inputs_differ_from_the_valid_one_and_from_each_other():
    mutated = {mutations.mutate(CONTENT, [b"other"], np.random.default_rng(seed)) for seed in range(200)}
    assert len(mutated - {CONTENT}) > 150


def test_every_family_gets_inputs():
    names = ["audio", *"abcdefgh"]
    assert {campaign.family_of(seed, names) for seed in range(30)} == set(names)


@pytest.mark.parametrize(
    "returncode, stderr, fault",
    [
        (0, "", None),
        (1, "rejected: a.wav\nerror: no clip\n", None),
        (1, "", "0 lines of error"),
        (0, "error: but it goes on\n", "1 lines of error"),
        (1, "error: one\nerror: two\n", "2 lines of error"),
        (1, "Traceback (most recent call last):\nValueError: x\n", "traceback"),
        (-11, "", "exit code -11"),
    ],
)
def test_how_a_program_may_end(monkeypatch, returncode, stderr, fault):
    ended = subprocess.CompletedProcess([], returncode, "", stderr)
    monkeypatch.setattr(processes, "run", lambda *_, **__: ended)
    if fault is None:
        assert outcomes.run("program") is ended
    else:
        with pytest.raises(Fault, match=fault):
            outcomes.run("program")


@pytest.mark.parametrize(
    "used, refused, fault",
    [
        ({"a"}, {"b"}, None),
        ({"a", "b"}, {"b"}, "both used and refused: 'b'"),
        ({"a"}, set(), "neither used nor refused: 'b'"),
        ({"a"}, {"b", "c"}, "never given: 'c'"),
    ],
)
def test_every_input_is_used_or_refused(used, refused, fault):
    if fault is None:
        outcomes.require_all({"a", "b"}, used, refused)
    else:
        with pytest.raises(Fault, match=fault):
            outcomes.require_all({"a", "b"}, used, refused)


@pytest.mark.parametrize("name", ["a.parquet.tmp-12", "plan", ".export-x"])
def test_a_half_written_file_is_a_fault(tmp_path, name):
    outcomes.refuse_leftovers(tmp_path)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / name).touch()
    with pytest.raises(Fault, match="left behind"):
        outcomes.refuse_leftovers(tmp_path)


def test_the_file_at_fault_is_found_among_many():
    def run(folder: pathlib.Path, _: pathlib.Path) -> Outcome:
        names = sorted(path.name for path in folder.iterdir())
        if any(name.startswith("000013") for name in names):
            raise Fault("thirteen")
        return Outcome(len(names), 0)

    outcome, faults = campaign._outcome(Family({"a.wav": CONTENT}, run, takes_folder=True), tuple(range(100)))
    assert outcome == Outcome(99, 0) and faults == [((13,), "thirteen")]


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_a_thousand_damaged_inputs():
    totals = campaign.run(range(FIRST_SEED, FIRST_SEED + NUM_INPUTS))
    assert [fault for total in totals.values() for fault in total.faults] == []
    assert sum(total.num_used + total.num_refused for total in totals.values()) == NUM_INPUTS
    for name, total in totals.items():  # inputs that are all taken would show little
        assert total.num_refused, name
    assert sum(total.num_used > 0 for total in totals.values()) > len(totals) / 2


@pytest.mark.slow
def test_every_family_takes_its_valid_inputs(tmp_path):
    for name, family in families.make(tmp_path / "made").items():
        for number, sample in enumerate(family.samples):
            inputs, work = (tmp_path / name / str(number) / part for part in ("in", "work"))
            inputs.mkdir(parents=True)
            work.mkdir()
            path = campaign.write(inputs / f"{number:06d}{sample}", family.samples[sample])
            outcome = family.run(inputs if family.takes_folder else path, work)
            assert outcome == Outcome(1, 0), (name, sample)
