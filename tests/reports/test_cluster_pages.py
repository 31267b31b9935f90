import re

import numpy as np
import pytest

from audioset_triplet.config.evaluation import ClusterReportConfig
from audioset_triplet.evaluation import cluster_metrics
from audioset_triplet.evaluation.comparisons import SetResult
from audioset_triplet.reports import cluster_pages
from audioset_triplet.store import assignments, stored_clips
from tests import example_clips, tiny_records


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    """Twelve clips, ids and audio of `tiny_records`, and the records."""
    folder = tmp_path_factory.mktemp("embeddings")
    made = tiny_records.make_clips(12)
    data = tiny_records.write(folder / "all.tfrecord", made)
    infos = [
        example_clips.ClipInfo(clip.clip_id, clip.recording_id, (row % 2,), (f"class {row % 2}",))
        for row, clip in enumerate(made)
    ]
    example_clips.write(folder, infos)
    return stored_clips.read_clips(str(folder)), data


def pages_of(stored, clusters, unit="clips", starts=np.nan, pages=50, data=""):
    info = assignments.AssignmentsInfo("model", "front-end", 10, unit, "entropy", "0")
    probabilities = np.linspace(0.1, 0.9, 12).astype(np.float32)
    one = assignments.Assignments(
        np.array(stored.clip_ids, object), np.full(12, starts, np.float32), np.array(clusters), probabilities, info
    )
    names = ("entropy clustering", "k-means")
    results = [SetResult(name, "model", cluster_metrics.measure(one, stored)) for name in names]
    comparison = cluster_metrics.ClusterComparison(stored, one, results)
    return cluster_pages.report(comparison, ClusterReportConfig(pages=pages), data).pages


CLUSTERS = [3] * 10 + [7, 5]


def test_the_largest_clusters_have_a_page_each(stored):
    pages = pages_of(stored[0], CLUSTERS, pages=2)
    assert sorted(pages) == ["clusters/3.html", "clusters/5.html", "report.html"]
    assert 'href="clusters/3.html"' in pages["report.html"] and "3 of 10 clusters in use" in pages["report.html"]
    assert "k-means" in pages["report.html"] and "8-15" in pages["report.html"]
    page = pages["clusters/3.html"]
    shown = re.findall(r'clip-id" title="(.+?)"', page)
    assert (
        shown[:8] == stored[0].clip_ids[9:1:-1] and sorted(shown[8:]) == stored[0].clip_ids[:2]
    )  # the most probable first
    assert "class 0 50%, class 1 50%." in page and "<audio" not in page


def test_a_page_has_the_audio_of_its_members(stored):
    page = pages_of(stored[0], CLUSTERS, pages=1, data=stored[1])["clusters/3.html"]
    assert page.count("<audio") == page.count("data:audio/mpeg") == 10
    windows = pages_of(stored[0], CLUSTERS, "windows", 0.96, pages=1, data=stored[1])["clusters/3.html"]
    assert windows.count("0.96 s") == windows.count("<audio") == 10
    assert windows.count("1.0 s") == 10 and len(windows) < len(page)  # 0.975 s, not the whole clip


def test_no_page_is_made_of_an_empty_cluster(stored):
    assert len(pages_of(stored[0], CLUSTERS, pages=10)) == 1 + 3
