"""Mining finds a planted event that its clips share, which their mean hides."""

import json

import numpy as np
import pytest

from audioset_triplet.clips import ClipInfo
from audioset_triplet.store.embeddings import EmbeddingWriter
from tests import processes


def write(folder, prefix, num_clips, event):
    """Clips of six windows of noise around their own background; of every tenth one window is an event."""
    random = np.random.default_rng(len(prefix))
    with EmbeddingWriter(str(folder), "model", "front-end", 16) as writer:
        for number in range(num_clips):
            windows = 1.5 * random.normal(size=16) + random.normal(size=(6, 16))
            is_event = event and number % 10 == 0
            if is_event:
                windows[random.integers(6)] = 4 * np.eye(16)[0] + 0.4 * random.normal(size=16)
            clip = ClipInfo(f"{prefix}{number}", f"{prefix}{number}", (int(is_event),), (("hum", "beep")[is_event],))
            unit = windows / np.linalg.norm(windows, axis=1, keepdims=True)
            writer.write(clip, 0.96 * np.arange(6), unit.astype(np.float32))


@pytest.mark.slow
def test_mining_finds_what_the_mean_hides(tmp_path):
    write(tmp_path / "clips", "a", 200, True)
    write(tmp_path / "background", "bb", 300, False)
    flags = processes.flags(embeddings=tmp_path / "clips", background=tmp_path / "background", classes="beep")
    flags += processes.flags(prior=0.02, exemplars=5, candidates=20, trials=2, output=tmp_path / "out")
    result = processes.run("experiments.mining_precision", *flags)
    assert result.returncode == 0 and "1 class, 5 exemplars, prior 0.02, 2 trials" in result.stdout, result.stderr
    numbers = json.loads((tmp_path / "out" / "results.json").read_text())
    assert numbers["mining/possible_at_10"] == 1.0 and numbers["mining/possible_at_20"] == 0.5  # 10 of 490 clips
    assert numbers["mining/random/precision_at_20"] == pytest.approx(10 / 490)
    assert numbers["mining/mined/precision_at_10"] > 0.9 > 0.6 > numbers["mining/mean/precision_at_10"]
    assert numbers["mining/mined/recall"] > 0.9 and numbers["classes"] == ["beep"]
    line = processes.error_of(processes.run("experiments.mining_precision", *flags, "--exemplars=40"))
    assert "no class has 40 recordings for exemplars and enough other clips for a prior of 0.02" in line
