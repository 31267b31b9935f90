import dataclasses

import numpy as np

from audioset_triplet.config.coincidence import CoincidenceConfig
from audioset_triplet.config.evaluation import CoincidenceEvaluationConfig
from audioset_triplet.evaluation import coincidence
from audioset_triplet.reports import coincidence_page


def test_the_page_shows_both_heads_and_example_queries_with_audio():
    rng = np.random.default_rng(0)
    scores = rng.normal(size=[12, 12]).astype(np.float32)
    positive = np.eye(12, dtype=bool)
    labels = [(index % 3,) for index in range(12)]
    result = coincidence.CoincidenceResult(
        config=CoincidenceEvaluationConfig(),
        workdir="run/stage2",
        stage=CoincidenceConfig(),
        clip_ids=[f"clip{index}" for index in range(12)],
        labels=labels,
        class_names={0: "dog", 1: "church_bell", 2: "rain"},
        waveforms=rng.integers(-3000, 3000, [12, 15600]).astype(np.int16),
        images=rng.integers(0, 256, [12, 32, 32, 3]).astype(np.uint8),
        pairs={head: coincidence.measure(scores, positive, ~positive, labels) for head in ("av", "aa")},
    )
    report = coincidence_page.report(result)
    page = report.pages["report.html"]
    assert page.count("Reliability diagram") == 2 and page.count("<audio") == 8
    assert "which image belongs" in page and "church bell" in page and page.count("data:image/jpeg") == 8 * 9
    assert "http" not in page.replace("http://www.w3.org", "")
    assert [line.split(":")[0] for line in report.headline.splitlines()] == ["av", "aa"]
    numbers = result.numbers()
    assert numbers["coincidence/av/auc"] == result.pairs["av"].auc and numbers["clips"] == numbers["examples"] == 12
    audio_only = dataclasses.replace(result, images=None, pairs={"aa": result.pairs["aa"]})
    assert "which image" not in coincidence_page.report(audio_only).pages["report.html"]
