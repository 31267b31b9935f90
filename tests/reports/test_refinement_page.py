import re

import numpy as np
import pytest

from audioset_triplet.clips import ClipInfo
from audioset_triplet.labelling import refinement
from audioset_triplet.reports import refinement_page
from audioset_triplet.store import window_scores
from audioset_triplet.store.window_scores import ScoredClip, ScoreInfo
from tests import tiny_records


def refine(folder, clips, names, threshold=0.66):
    (folder / "scores").mkdir()
    info = ScoreInfo("model-1", "log-mel", "0.1", tuple(range(len(names))), tuple(names), 0.975, 0.96)
    window_scores.write_part(str(folder / "scores" / "scores-00000-of-00001.parquet"), info, clips)
    return refinement.refine(str(folder / "scores"), (), threshold, str(folder))


def scored(clip_id, label, scores):
    clip = ClipInfo(clip_id, clip_id, (label,), ("large dog" if label == 0 else "bell",))
    columns = np.repeat(np.array(scores, np.float32)[:, None], 2, axis=1)
    return ScoredClip(clip, 0.96 * np.arange(len(scores)), columns)


CLIPS = [scored("clip0", 0, [0.2, 0.8]), scored("clip1", 1, [0.5, 0.5]), scored("clip4", 0, [0.8, 0.4])]


def test_the_page_shows_the_windows_of_the_clips_that_change(tmp_path):
    report = refinement_page.report(refine(tmp_path, CLIPS, ["large dog", "bell"]))
    assert re.search(r"large dog +2 +2\.000 +1\.000 +0\.500", report.headline)
    assert re.search(r"bell +1 +2\.000 +2\.000 +1\.000", report.headline)
    assert "3 clips, 6 windows; 2 windows keep no label" in report.headline
    page = report.pages["report.html"]
    assert "kept at 67% of the windows" in page and "33% of their windows keep none" in page
    assert re.findall(r"(clip\d) · 1 of 2 windows keep", page) == ["clip0", "clip4"]
    assert page.count('class="before"') == 4 and page.count('class="after"') == 2 and "<audio" not in page
    # Of clip0 the first window, of 0.96 s in 1.935 s, has a quarter of the largest score: a bar of 30 of 120.
    assert re.search(r'class="score left-out" x="4\.9" y="90\.0" width="494\.\d" height="30\.0"', page)


@pytest.mark.slow
def test_the_page_has_the_audio_of_these_clips(tmp_path):
    made = [tiny_records.make_clip(index) for index in (0, 1, 4)]
    data = tiny_records.write(tmp_path / "clips.tfrecord", made)
    page = refinement_page.report(refine(tmp_path, CLIPS, ["large dog", "bell"]), data).pages["report.html"]
    assert page.count("<audio") == page.count("Log-mel spectrogram of") == 2


@pytest.mark.parametrize("num_classes, folded", [(3, 0), (100, 1)])
def test_many_classes_are_folded(tmp_path, num_classes, folded):
    names = [f"class {i}" for i in range(num_classes)]
    clips = [
        ScoredClip(ClipInfo(f"clip{i}", "r", (i,), (names[i],)), np.arange(4.0), np.full((4, num_classes), 0.5))
        for i in range(num_classes)
    ]
    report = refinement_page.report(refine(tmp_path, clips, names, threshold=1.0))
    page = report.pages["report.html"]
    assert page.count("<details>") == folded and ("classes that keep least" in page) == bool(folded)
    assert "No window lost a label." in page
    assert ("classes of 100 that keep least" in report.headline) == bool(folded)
