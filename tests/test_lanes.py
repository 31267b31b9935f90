"""What one lane writes the other reads, and both compute the same.

The Python of the other lane is AUDIOSET_TRIPLET_OTHER_PYTHON, or that of .venv-current (in the reference lane) or .venv
(in the current lane), which `make .venv VENV=.venv-current PYTHON=python3.13` makes.
"""

import os
import subprocess

import numpy as np
import pytest

from audioset_triplet import compat
from tests import lane_exchange, processes, tiny_records
from tests.training.tiny_runs import saved_weights

OTHER = os.environ.get("AUDIOSET_TRIPLET_OTHER_PYTHON") or str(
    processes.ROOT / (".venv-current" if compat.IS_REFERENCE else ".venv") / "bin" / "python"
)

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not os.path.exists(OTHER), reason=f"needs a Python of the other lane: {OTHER} is not there"),
]


def in_other_lane(*arguments: object) -> str:
    command = [OTHER, *map(str, arguments)]
    result = subprocess.run(command, env=processes.environment(), capture_output=True, text=True, timeout=300)
    assert result.returncode == 0, result.stderr
    return result.stdout


@pytest.fixture(scope="module")
def lanes(tmp_path_factory):
    """A folder of each lane, in which it has made all that it makes, and what each has made of the other's."""
    code = "from audioset_triplet import compat; print(compat.LANE)"
    assert {in_other_lane("-c", code).strip(), compat.LANE} == {"reference", "current"}
    folder = tmp_path_factory.mktemp("lanes")
    for name in ("ours", "theirs"):
        (folder / name).mkdir()
        clips = [tiny_records.make_clip(index) for index in range(0, 16, 2)]
        clips += [tiny_records.make_encoded_clip(index, rate_hz=22050) for index in range(1, 16, 2)]
        tiny_records.write(folder / name / lane_exchange.RECORDS, clips)
    lane_exchange.make(folder / "ours")
    in_other_lane("-m", "tests.lane_exchange", "make", folder / "theirs")
    lane_exchange.take(folder / "theirs", folder / "ours_of_theirs")
    in_other_lane("-m", "tests.lane_exchange", "take", folder / "ours", folder / "theirs_of_ours")
    return folder


PAIRS = [("ours", "theirs_of_ours"), ("theirs", "ours_of_theirs")]


@pytest.mark.parametrize("maker, taker", PAIRS)
def test_a_model_embeds_the_same_in_both_lanes(lanes, maker, taker):
    expected = np.load(lanes / maker / "model.npy")
    assert expected.shape == (24, 8) and np.linalg.norm(expected, axis=1) == pytest.approx(1)
    assert np.ptp(expected, axis=0).max() > 0.01
    np.testing.assert_allclose(np.load(lanes / taker / "model.npy"), expected, atol=1e-5)


@pytest.mark.parametrize("maker, taker", PAIRS)
def test_a_run_is_exported_by_the_other_lane(lanes, maker, taker):
    expected = np.load(lanes / maker / "model.npy")
    np.testing.assert_allclose(np.load(lanes / taker / "checkpoint.npy"), expected, atol=1e-5)


@pytest.mark.parametrize("maker, taker", PAIRS)
def test_a_run_goes_on_in_the_other_lane(lanes, maker, taker):
    """From a checkpoint half-way, with the same batches, to the same weights and states of LAMB."""
    expected, found = saved_weights(lanes / maker / "run"), saved_weights(lanes / taker / "run")
    assert expected.keys() == found.keys()
    for name, values in expected.items():
        np.testing.assert_allclose(found[name], values, atol=1e-4 * np.abs(values).max(), err_msg=name)
