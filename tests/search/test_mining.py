"""Candidates are those of loops over all windows, and are written for people to rate."""

import functools

import numpy as np
import pytest

from audioset_triplet.config.runners import RunnerConfig
from audioset_triplet.config.search import ExemplarConfig, FilterConfig, IndexConfig, MiningConfig
from audioset_triplet.errors import UserError
from audioset_triplet.search import exemplars, mining, opening, random_windows, store_index
from audioset_triplet.search.exemplars import Segment
from audioset_triplet.search.windows import Filters
from audioset_triplet.store import questions
from tests import processes
from tests.reference import candidates as reference
from tests.reference.search import distance
from tests.search import stores

SIZE = 8


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """Clips of 1 to 40 windows around a few directions."""
    random = np.random.default_rng(3)
    modes = random.normal(size=(5, SIZE))
    clips = {}
    for number in range(24):
        count = (1, 5, 12, 40)[number % 4]
        clips[f"talks/{number % 9}/{number:02d}"] = modes[random.integers(5, size=count)] + 0.5 * random.normal(
            size=(count, SIZE)
        )
    return stores.write(tmp_path_factory.mktemp("store"), clips, 3)


SEGMENTS = [Segment("talks/2/02", 1.0, 3.0), Segment("talks/3/03", 20.0, 24.0), Segment("talks/5/23", np.nan, np.nan)]


def expected(store, found, length, max_per_recording=0):
    """All candidates of the reference."""
    rows = stores.rows(store)
    counts = {row["clip_id"]: sum(other["clip_id"] == row["clip_id"] for other in rows) for row in rows}
    ends = {clip_id: stores.HOP_SECONDS * count if count > 1 else 0.0 for clip_id, count in counts.items()}

    def is_left_out(row):
        for clip_id, start, end in SEGMENTS:
            more = max(0.0, length - (end - start)) / 2
            if row["clip_id"] == clip_id and (np.isnan(start) or start - more <= row["start"] < end + more):
                return True
        return False

    def average(vector, cluster):
        return np.mean([distance(vector, one) for one in cluster.vectors])

    distances = [functools.partial(average, cluster=cluster) for cluster in found.clusters]
    searched = [row for row in rows if not is_left_out(row)]
    hop = stores.HOP_SECONDS
    return reference.candidates(searched, distances, ends, hop, length, max_per_recording)


@pytest.mark.parametrize("length, count, per_recording", [(10.0, 8, 0), (3.0, 40, 0), (10.0, 500, 0), (5.0, 12, 1)])
def test_candidates_are_those_of_loops_over_all_windows(store, tmp_path, length, count, per_recording):
    exemplar = ExemplarConfig(near_share=0.1, common_share=1.0)
    limits = {"candidates": count, "candidate_seconds": length, "max_per_recording": per_recording}
    config = MiningConfig(exemplar=exemplar, **limits)
    where = store_index.at(str(tmp_path), RunnerConfig(num_workers=1))
    found = exemplars.find({"a": SEGMENTS}, str(store), random_windows.draw(str(store)), config.exemplar)
    assert len(found[0].clusters) > 1
    index = opening.open_index(str(store), IndexConfig(), where)
    mined = mining.mine(found, index, Filters(), "model", config)
    everything = expected(store, found[0], length, per_recording)
    assert len(mined) == min(count, len(everything)) and (count < 100 or len(everything) < count)
    for candidate, row in zip(mined, everything):
        assert candidate.clip_id == row["clip_id"]
        if row["from"] is None:
            assert np.isnan(candidate.start_seconds) and np.isnan(candidate.end_seconds)
        else:
            assert (candidate.start_seconds, candidate.end_seconds) == pytest.approx((row["from"], row["to"]), abs=2e-3)
        assert candidate.distance == pytest.approx(row["distance"], abs=1e-5)
        cluster = found[0].clusters[candidate.details["cluster"]]
        nearest = np.argmin([distance(row["vector"], one) for one in cluster.vectors])
        assert candidate.details["exemplar"] == cluster.clip_ids[nearest]
        assert candidate.details["exemplar_start_seconds"] == pytest.approx(cluster.start_seconds[nearest], abs=1e-3)
        assert candidate.details["window_start_seconds"] == pytest.approx(row["start"], abs=1e-3)


@pytest.mark.slow
def test_the_program_writes_what_people_rate(store, tmp_path):
    table = tmp_path / "exemplars.csv"
    rows = [f"{one.clip_id},{one.start_seconds},{one.end_seconds},beep".replace("nan", "") for one in SEGMENTS]
    rows += ["talks/2/02,6,7,ring", "talks/6/06,0.5,2,ring"]
    table.write_text("\n".join(["segment_id,start_time_seconds,end_time_seconds,label", *rows]) + "\n")
    output = tmp_path / "mined"
    flags = processes.flags(embeddings=store, exemplars=table, candidates=7, output=output)
    flags.append(f"--compact={tmp_path / 'compact'}")
    result = processes.run("experiments.mine", *flags)
    assert result.returncode == 0 and "beep: 3 segments with" in result.stdout, result.stderr
    assert "14 candidates: wrote" in result.stdout
    read = [questions.read(str(output / name)) for name in ("candidates.csv", "candidates.parquet")]
    for one in read:
        assert one.labels.tolist() == 7 * ["beep"] + 7 * ["ring"]
        assert (np.diff(one.scores[:7]) >= 0).all() and (np.diff(one.scores[7:]) >= 0).all()
        assert one.sources.tolist() == 14 * [questions.MINED]
        assert one.details[0]["model"] == "model" and one.details[0]["scoring"] == "mean_distance"
    assert read[0].details == read[1].details and read[0].scores.tolist() == read[1].scores.tolist()
    line = processes.error_of(processes.run("experiments.mine", *flags[:1], *flags[3:4]))
    assert "--exemplars or --clips is required" in line


def test_nothing_to_search_is_one_clear_line(store, tmp_path):
    where = store_index.at(str(tmp_path), RunnerConfig(num_workers=1))
    config = MiningConfig(clips=("talks/2/02", "talks/3/03"), label="beep", filters=FilterConfig(folds=(9,)))
    with pytest.raises(UserError, match="no candidate: beside the exemplars, the filters leave no window"):
        list(mining.run(str(store), str(tmp_path / "mined"), where, config))
    with pytest.raises(UserError, match="--label is the class of --clips"):
        MiningConfig(clips=("a",))
