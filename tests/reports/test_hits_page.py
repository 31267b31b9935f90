import re

import numpy as np
import pyarrow as pa
import pytest

from audioset_triplet.config.search import HitsPageConfig
from audioset_triplet.errors import UserError
from audioset_triplet.frontend import registry
from audioset_triplet.media import audio_files
from audioset_triplet.reports import excerpts, hits_page
from audioset_triplet.reports.excerpts import Excerpt
from audioset_triplet.search import index, queries
from audioset_triplet.search.queries import Query
from audioset_triplet.store.embedding_parts import StoreInfo
from tests import tiny_records
from tests.export import archives

INFO = StoreInfo("model", "front-end", 2, "0")
QUERY = Query("a@1", np.array([1, 0], np.float32), "")


def hits_of(clips_and_starts, query=0):
    rows = [
        (query, clip_id, "r", 0, [1], ["dog_<bark>"], start, 0.96, 3.0, 0.9 - 0.1 * rank, 0)
        for rank, (clip_id, start) in enumerate(clips_and_starts)
    ]
    return pa.table([list(column) for column in zip(*rows)], schema=index.SCHEMA)


def page_of(hits, given=(QUERY,), **options):
    angles = np.linspace(0, np.pi, 101)
    drawn = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)
    report = hits_page.report(given, queries.wanted(given), hits, drawn, INFO, HitsPageConfig(**options))
    return report.pages["hits.html"]


def test_hits_stand_beside_random_scores():
    given = (QUERY, Query("<b>", np.array([0, 1], np.float32), ""))
    page = page_of(hits_of([("x/1", 0.0), ("x/2", 0.96), ("x/3", 1.92)]), given, hits_on_page=2)
    assert re.findall(r'clip-id" title="(.+?)"', page) == ["x/1", "x/2"] and "of which the first\n  2 are shown" in page
    assert "dog &lt;bark&gt;" in page and "&lt;b&gt;" in page and "<audio" not in page
    # Of cosines of angles from 0 to pi in steps of pi / 100, those of angles up to arccos(0.7) are above.
    num_above = 1 + int(np.arccos(0.7) / (np.pi / 100))
    assert f"{num_above} of 101 random windows score as high" in page
    heights = re.findall(r'class="random".*?<title>(\d+) random windows? from', page)
    assert sum(map(int, heights)) == 101
    assert "No window was left to be searched for this query." in page


def test_hits_are_heard_from_records_and_from_files(tmp_path):
    clips = tiny_records.make_clips(2)
    data = tiny_records.write(tmp_path / "all.tfrecord", clips)
    page = page_of(hits_of([(clips[0].clip_id, 0.0), (clips[1].clip_id, 0.96)]), data=data)
    assert page.count("data:audio/mpeg") == page.count("data:image/png") - 1 == 2
    archives.write(tmp_path / "in", 1, 2, seconds=3)
    page = page_of(hits_of([("001.wav", 0.0), ("even/002.wav", 0.96), ("001.wav", 1.92)]), audio=str(tmp_path / "in"))
    assert re.findall(r">(\d\.\d) s</span></div>", page) == ["2.0", "2.9", "2.1"]  # 0.975 s and what is around it
    for missing in ("003.wav", "../in/001.wav"):
        with pytest.raises(UserError, match="holds no .*: give the folder that was embedded"):
            page_of(hits_of([(missing, 0.0)]), audio=str(tmp_path / "in"))


def test_a_part_of_a_file_is_that_of_the_whole(tmp_path):
    """Blocks of 30 s: the second part begins in the first block and ends in the second."""
    archives.write(tmp_path, 1, seconds=33)
    spans = {Excerpt("001.wav", 1.0): (0.5, 2.0), Excerpt("001.wav", 29.0): (28.0, 31.5)}
    front_end = registry.FRONT_ENDS["log_mel"]
    whole = audio_files.load(tmp_path / "001.wav", sample_rate_hz=front_end.sample_rate_hz)
    parts = excerpts._of_files(str(tmp_path), spans, front_end)
    for excerpt, (start, end) in spans.items():
        samples = slice(round(start * front_end.sample_rate_hz), round(end * front_end.sample_rate_hz))
        np.testing.assert_array_equal(parts[excerpt], whole[samples])
