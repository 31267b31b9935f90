"""All tables on a few synthetic clips whose labels sound in parts of them, with tiny networks."""

import dataclasses
import json

import numpy as np
import pytest

from audioset_triplet.config.evaluation import HeadConfig, ScoresConfig
from audioset_triplet.evaluation import classification, comparisons, splits
from audioset_triplet.export import saved_model
from audioset_triplet.store import frame_labels, window_scores
from tests import processes, tiny_network, tiny_records, weakly_labelled
from tests.evaluation import scored_windows

MODULE = "experiments.reproduce_audioset2017"
HEAD = dict(hidden_units=8, head_epochs=1, head_min_steps=10)
NETWORKS = ("fc", "clips_0.5", "beta_1", "refined", "refined_2", "fc_labels")
HOP_SECONDS = weakly_labelled.FRONT_END.hop_seconds


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """Records to train and to evaluate on, annotations of the latter, and a model that embeds."""
    root = tmp_path_factory.mktemp("world")
    tiny_records.write(root / "train.tfrecord", weakly_labelled.make_world(12, 4, 2)[0])
    clips, truth = weakly_labelled.make_world(9, 4, 2, seed=1)
    renamed = [
        dataclasses.replace(one, clip_id=f"eval-{one.clip_id}", recording_id=f"eval-{one.clip_id}") for one in clips
    ]
    tiny_records.write(root / "eval.tfrecord", renamed)
    events, rated = [], []
    for clip_id, active in truth.items():
        for label, name in weakly_labelled.NAMES.items():
            windows = sorted(active.get(label, ()))
            if windows:
                events.append((f"eval-{clip_id}", windows[0] * HOP_SECONDS, (windows[-1] + 1) * HOP_SECONDS, name))
            answer = "PRESENT" if windows else "NOT_PRESENT"
            rated.append((f"eval-{clip_id}", 0.0, HOP_SECONDS * 4, name, answer))
    scored_windows.write_events(root / "strong.tsv", events)
    scored_windows.write_ratings(root / "ratings.tsv", rated)
    saved_model.export(tiny_network.build_tiny_network(), str(root / "embedding"), weakly_labelled.FRONT_END, {})
    return root


@pytest.mark.slow
def test_all_tables_in_one_command(world, tmp_path):
    flags = processes.flags(
        data=world / "train.tfrecord",
        eval_data=f"world={world / 'eval.tfrecord'}",
        ratings=f"world={world / 'ratings.tsv'}",
        strong_labels=f"world={world / 'strong.tsv'}",
        embedding_model=world / "embedding",
        output=tmp_path,
        architectures="fc",
        architecture="fc",
        width=0.02,
        loss="sigmoid",
        dropped_windows="negative",
        training_shares=0.5,
        prior_exponents=1,
        refinements=2,
        label_share=0.3,
        core_minutes=0.01,
        batch_size=4,
        log_every_steps=5,
        **HEAD,
    )
    done = processes.run(MODULE, *flags)
    assert done.returncode == 0, done.stderr
    table = json.loads((tmp_path / "table.json").read_text())
    rows = [*NETWORKS[:-1], "embedding", "fc_labels", "embedding_labels"]
    assert table["complete"] and [row["name"] for row in table["sets"]["world"]["rows"]] == rows
    cells = {cell["cell"]: cell for cell in table["sets"]["world"]["cells"]}
    assert len(cells) == 3 * len(rows) and len({cell["clips_digest"] for cell in cells.values()}) == 1
    values = {name.partition("/")[2]: cell["values"] for name, cell in cells.items()}

    # One budget: the same steps, as many as fit by the warm-up.
    budget = table["budgets"]["fc"]
    assert budget["steps"] == max(1, int(0.01 * 60 / budget["cores"] / budget["step_seconds"]))
    for row in NETWORKS:
        run = tmp_path / "classifiers" / "seed0" / row / "run"
        learned_from = json.loads((run / "data.json").read_text())
        assert values[f"{row}/scores"]["steps"] == [budget["steps"]]
        assert values[f"{row}/scores"]["training_clips"] == [learned_from["clips"]]
    assert values["fc/scores"]["training_clips"] == values["refined/scores"]["training_clips"] == [12]
    assert values["clips_0.5/scores"]["training_clips"][0] in range(6, 9)
    assert values["embedding_labels/scores"]["training_clips"] == values["fc_labels/scores"]["training_clips"]
    config = json.loads((tmp_path / "classifiers" / "seed0" / "refined" / "run" / "config.json").read_text())
    assert config["labels"]["frame_labels"].endswith("refined/refined/frame_labels.parquet")
    assert config["labels"]["dropped_windows"] == "negative"
    classifiers = tmp_path / "classifiers" / "seed0"
    for row, refined_by in (("refined", "fc"), ("refined_2", "refined")):
        model = json.loads((classifiers / refined_by / "model" / "model.json").read_text())
        info = frame_labels.read_info(frame_labels.path_in(str(classifiers / row / "refined")))
        assert info.model_id == model["model_id"]

    # The numbers are those of experiments.evaluate on the same scores.
    scores = str(tmp_path / "classifiers" / "seed0" / "refined" / "scores" / "world")
    files = ScoresConfig(ratings=str(world / "ratings.tsv"), strong_labels=str(world / "strong.tsv"))
    numbers = comparisons.compare(files, comparisons.embedding_sets(scores)).numbers()
    for task in ("scores", "ratings", "strong"):
        assert values[f"refined/{task}"]["map"] == [numbers[f"{task}/map"]]
    assert values["refined/scores"]["mean_recall"] == [numbers["scores/mean_recall"]]

    # The scores of windows on an embedding have the mean of those that the evaluation of embeddings gives its clips.
    folders = [str(tmp_path / "embeddings" / part) for part in ("train", "sets/world")]
    split = splits.read_split(folders[0], (), folders[1], ())
    expected = classification.clip_scores(split, split.usable, HeadConfig(**HEAD), 0)
    stored = window_scores.clip_scores(str(tmp_path / "classifiers" / "seed0" / "embedding" / "scores" / "world"))
    order = [stored.clip_ids.index(clip_id) for clip_id in expected.clip_ids]
    np.testing.assert_allclose(stored.scores[order], expected.scores, atol=1e-5)

    before = {path: path.read_bytes() for path in tmp_path.glob("cells/*/*/*.json")}
    listed = processes.run(MODULE, *flags, "--dry_run")
    assert "24 of 24 cells are done; networks to train: 0" in listed.stdout, listed.stderr
    refused = processes.run(MODULE, *flags, "--batch_size=8", "--dry_run")
    assert "training/batch_size: 4, now 8" in processes.error_of(refused)
    assert {path: path.read_bytes() for path in tmp_path.glob("cells/*/*/*.json")} == before
