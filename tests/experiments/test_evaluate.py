"""experiments.evaluate as a real process on real files."""

import base64
import io
import json
import os
import re

import numpy as np
import pytest
import soundfile
import tensorflow as tf
from PIL import Image

from audioset_triplet.config.evaluation import RetrievalConfig
from audioset_triplet.evaluation import retrieval
from audioset_triplet.store import ratings
from audioset_triplet.store.embeddings import ClipInfo, EmbeddingWriter
from audioset_triplet.store.stored_clips import clip_vectors
from tests import example_clips, processes
from tests.evaluation import scored_windows
from tests.reports.test_images import Convolution, tone, write_records

NUM_CLASSES, CLIPS_PER_CLASS = 6, 8
CLIPS = [
    ClipInfo(
        f"clip_{row:03d}", f"recording{row // 2}", (row % NUM_CLASSES,), (f"class_{row % NUM_CLASSES} <&>",), row % 2
    )
    for row in range(NUM_CLASSES * CLIPS_PER_CLASS)
] + [ClipInfo("clip_lonely", "recording_lonely", (77,), ("lonely",), 0)]


def write_embeddings(folder, model_id, noise, clips=CLIPS):
    random = np.random.default_rng(0)
    centres = random.normal(size=(100, 16))
    with EmbeddingWriter(str(folder), model_id, "front-end", 16) as writer:
        for clip in clips:
            vectors = centres[clip.labels[0]] + noise * random.normal(size=(5, 16))
            writer.write(clip, 0.96 * np.arange(5), vectors / np.linalg.norm(vectors, axis=1, keepdims=True))


def evaluate(*arguments):
    return processes.run("experiments.evaluate", *arguments)


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """Embeddings of a good model and of a poor one, records of their clips, and a model."""
    root = tmp_path_factory.mktemp("evaluate")
    write_embeddings(root / "good", "good-model", 0.5)
    write_embeddings(root / "poor", "poor-model", 5.0)
    write_records(root / "clips.tfrecord", {clip.clip_id: tone(200 + 50 * clip.labels[0], 1.0) for clip in CLIPS})
    model = Convolution([7, 7, 1, 16])
    tf.saved_model.save(model, str(root / "model"), signatures={"serving_default": model.__call__})
    return root


@pytest.fixture(scope="module")
def full_run(folders):
    process = evaluate(
        f"--embeddings={folders}/good",
        f"--compare=poor one={folders}/poor",
        f"--data={folders}/*.tfrecord",
        f"--model={folders}/model",
        f"--output={folders}/full",
        "--seed=3",
        "--draws=2",
    )
    assert process.returncode == 0, process.stderr
    page = (folders / "full" / "report.html").read_text()
    return process, json.loads((folders / "full" / "results.json").read_text()), page


def test_results_are_those_of_the_library_under_flat_keys(folders, full_run):
    process, numbers, _ = full_run
    expected = retrieval.evaluate(RetrievalConfig(draws=2, seed=3), clip_vectors(str(folders / "good")))
    poor = retrieval.evaluate(RetrievalConfig(draws=2, seed=3), clip_vectors(str(folders / "poor")))
    assert numbers["retrieval/map"] == pytest.approx(expected.map, abs=1e-12)
    assert numbers["retrieval/map_std"] == pytest.approx(expected.map_std, abs=1e-12)
    assert numbers["retrieval/prior"] == pytest.approx((8 * 7 / 2) / (8 * 7 / 2 + 64))
    assert numbers["retrieval/num_classes"] == 6 and numbers["retrieval/classes_left_out"] == 1
    assert numbers["retrieval/num_clips"] == 49
    assert numbers["retrieval/class/class_2 <&>"] == pytest.approx(expected.class_average_precision[2], abs=1e-12)
    assert numbers["retrieval/poor one/map"] == pytest.approx(poor.map, abs=1e-12)
    assert numbers["retrieval/poor one/class/class_2 <&>"] == pytest.approx(poor.class_average_precision[2], abs=1e-12)
    assert (numbers["model_id"], numbers["retrieval/poor one/model_id"]) == ("good-model", "poor-model")
    assert (numbers["front_end_id"], numbers["seed"], numbers["draws"]) == ("front-end", 3, 2)
    assert numbers["code_version"]
    assert poor.map < expected.map  # the two are not mixed up
    assert not any(isinstance(value, (dict, list)) for value in numbers.values())
    table = [line.split() for line in process.stdout.splitlines()]
    assert ["model", f"{expected.map:.3f}", f"{expected.map_std:.3f}"] in table
    assert ["poor", "one", f"{poor.map:.3f}", f"{poor.map_std:.3f}"] in table
    assert "left out for too few clips: 1 class" in process.stdout


def test_the_report_has_every_section_and_refers_to_nothing_outside(full_run):
    _, numbers, page = full_run
    for section in ("headline", "classes", "map", "queries", "filters"):
        assert f'<section id="{section}"' in page or f'<section class="card" id="{section}"' in page
    for text in (
        f"{numbers['retrieval/map']:.3f}",
        f"{numbers['retrieval/poor one/map']:.3f}",
        "poor one",
        "good-model",
    ):
        assert text in page
    assert "http" not in page.lower() and "@import" not in page
    references = re.findall(r"""(?:src|href)\s*=\s*["']([^"']*)|url\(([^)]*)""", page)
    assert references and all(attribute.startswith("data:") and not url for attribute, url in references)
    assert "class 2 &lt;&amp;&gt;" in page and "<&>" not in page  # names are escaped
    assert page.count("<circle") == 49
    assert page.count('class="card query"') == 6 and "✓ same class" in page
    assert "prefers-color-scheme: dark" in page


def test_the_pictures_and_sounds_of_the_report_are_real(full_run):
    _, _, page = full_run
    pictures = [
        Image.open(io.BytesIO(base64.b64decode(data))) for data in re.findall(r"image/png;base64,([^\"]+)", page)
    ]
    sizes = [picture.size for picture in pictures]
    assert sizes.count((98, 64)) == 6 * 6  # spectrograms of one second
    assert (256, 1) in sizes and (16 * 8 - 1, 7) in sizes  # the colour scale and 16 filters
    for picture in pictures:
        assert len(np.unique(np.asarray(picture.convert("RGB")).reshape(-1, 3), axis=0)) > 10
    sounds = [base64.b64decode(data) for data in re.findall(r"audio/mpeg;base64,([^\"]+)", page)]
    assert len(sounds) == 6 * 6
    decoded, rate_hz = soundfile.read(io.BytesIO(sounds[0]))
    assert rate_hz == 16000 and len(decoded) >= 15000 and np.abs(decoded).max() > 0.3


def test_another_process_gives_the_same_numbers_and_map_and_less_input_a_shorter_page(folders, full_run):
    _, numbers, full_page = full_run
    process = evaluate(f"--embeddings={folders}/good", "--seed=3", "--draws=2", f"--output={folders}/plain")
    assert process.returncode == 0, process.stderr
    plain = json.loads((folders / "plain" / "results.json").read_text())
    assert {key: numbers[key] for key in plain} == plain
    assert not any("poor" in key for key in plain)
    page = (folders / "plain" / "report.html").read_text()
    svg = re.compile(r"<svg.*</svg>", re.DOTALL)
    assert svg.search(page).group() == svg.search(full_page).group()
    assert "<audio" not in page and "<img" not in page and 'id="filters"' not in page and "poor" not in page
    assert sorted(os.listdir(folders / "plain")) == ["report.html", "results.json"]


def test_folds_select_clips(folders):
    process = evaluate(f"--embeddings={folders}/good", "--folds=1", f"--output={folders}/fold")
    assert process.returncode == 0, process.stderr
    # Rows of odd number: the odd classes with all of their clips, the even ones with none.
    numbers = json.loads((folders / "fold" / "results.json").read_text())
    assert numbers["retrieval/num_clips"] == 24 and numbers["retrieval/num_classes"] == 3


def test_bad_input_is_one_line_and_leaves_nothing(folders, tmp_path):
    write_embeddings(tmp_path / "fewer", "fewer", 1.0, CLIPS[:-1])
    write_embeddings(tmp_path / "mixed", "one", 1.0, CLIPS[:20])
    write_embeddings(tmp_path / "second", "two", 1.0, CLIPS[20:])
    os.rename(tmp_path / "second/embeddings-00000.parquet", tmp_path / "mixed/embeddings-00001.parquet")
    good = f"--embeddings={folders}/good"
    cases = {
        "no such folder of embeddings": [f"--embeddings={tmp_path}/nowhere"],
        "has model_id one, but": [f"--embeddings={tmp_path}/mixed"],
        "clip_lonely, which": [good, f"--compare=fewer={tmp_path}/fewer"],
        "--compare needs NAME=DIR": [good, "--compare=fewer"],
        "--folds needs": [good, "--folds=one"],
        "no such file": [good, f"--data={tmp_path}/*.tfrecord"],
        "not a SavedModel": [good, f"--model={tmp_path}/nowhere"],
    }
    for message, arguments in cases.items():
        process = evaluate(*arguments, f"--output={tmp_path}/output")
        assert process.returncode == 1, (message, process.stderr)
        errors = [line for line in process.stderr.splitlines() if line.startswith("error: ")]
        assert len(errors) == 1 and message in errors[0], (message, process.stderr)
        assert "Traceback" not in process.stderr and "mAP" not in process.stdout
    assert not (tmp_path / "output").exists() or not os.listdir(tmp_path / "output")


@pytest.mark.slow
def test_the_other_tasks_learn_from_labelled_clips(tmp_path):
    infos = example_clips.make_infos(80, 4)
    example_clips.write(tmp_path / "all", infos)
    for fold in (1, 2):
        example_clips.write(tmp_path / f"fold{fold}", [one for one in infos if one.fold == fold], noise=10.0)
    by_fold = [f"--embeddings={tmp_path}/all", "--train_folds=1", "--folds=2"]
    by_folder = [f"--compare=poor={tmp_path}/fold2", f"--train_compare=poor={tmp_path}/fold1"]
    head = ["--head_epochs=1", "--head_min_steps=40", "--head_learning_rate=0.01"]
    keys = {"classification": "map", "semi_supervised": "5/map", "knn": "accuracy"}
    for task, key in keys.items():
        options = [*head, "--labels_per_class=1,5", "--trials=2"] if task != "knn" else ["--neighbours=3"]
        process = evaluate(f"--task={task}", *by_fold, *by_folder, *options, f"--output={tmp_path}/{task}")
        assert process.returncode == 0, process.stderr
        numbers = json.loads((tmp_path / task / "results.json").read_text())
        assert 1 >= numbers[f"{task}/{key}"] > numbers[f"{task}/poor/{key}"] > 0
        assert f"{numbers[f'{task}/{key}']:.3f}" in process.stdout
        assert (tmp_path / task / "report.html").read_text().startswith("<!doctype html>")
    first = json.loads((tmp_path / "classification" / "results.json").read_text())
    process = evaluate("--task=classification", *by_fold, *by_folder, *head, f"--output={tmp_path}/again")
    assert process.returncode == 0 and json.loads((tmp_path / "again" / "results.json").read_text()) == first
    cases = {
        "both to be trained on and to be evaluated": [f"--embeddings={tmp_path}/all", "--train_folds=1"],
        "--hidden_units must be at least 1": [*by_fold, "--hidden_units=0"],
        "--labels_per_class must have values that are at least 1": [
            *by_fold,
            "--task=semi_supervised",
            "--labels_per_class=0,5",
        ],
        "--train_compare names poor": [*by_fold, f"--train_compare=poor={tmp_path}/fold1"],
    }
    for message, arguments in cases.items():
        process = evaluate("--task=classification", *arguments, f"--output={tmp_path}/output")
        assert process.returncode == 1 and process.stderr.count("error: ") == 1, process.stderr
        assert message in process.stderr and "Traceback" not in process.stderr
    assert not (tmp_path / "output").exists()


def test_scores_are_measured_under_several_protocols(tmp_path):
    windows = [[0.9, 0.3], [0.2, 0.6], [0.4, 0.1]]
    clips = [
        (ClipInfo(f"v_{row}", f"v{row}", (row % 2,), (("Dog", "Cat")[row % 2],), 1 + row % 2), windows)
        for row in range(4)
    ]
    scores = scored_windows.write(tmp_path / "scores", clips, ["Dog", "Cat"])
    answers = [("v_0", "PRESENT"), ("v_1", "NOT_PRESENT"), ("v_2", "UNSURE")]
    rated = [(clip_id, 0.96, 1.92, "/m/0bt9lr", answer) for clip_id, answer in answers]
    framed = scored_windows.write_ratings(tmp_path / "framed.tsv", rated)
    events = scored_windows.write_events(tmp_path / "strong.tsv", [("v_0", 0.0, 0.5, "/m/0bt9lr")])
    (tmp_path / "classes.csv").write_text('index,mid,display_name\n0,/m/0bt9lr,"Dog"\n1,/m/01yrx,"Cat"\n')
    by_scores = ["--task=scores", f"--scores={scores}", f"--class_labels={tmp_path}/classes.csv"]
    output = tmp_path / "output"
    process = evaluate(*by_scores, f"--ratings={framed}", f"--strong_labels={events}", f"--output={output}")
    assert process.returncode == 0, process.stderr
    numbers = json.loads((output / "results.json").read_text())
    # All clips have the same scores: chance, and the one positive of two rated pairs ties with the negative.
    assert numbers["scores/auc"] == 0.5 and numbers["ratings/class/Dog"] == 0.5 and numbers["ratings/num_pairs"] == 2
    assert numbers["strong/class/Dog"] == 1 and numbers["ratings/unsure_ratings"] == 1
    assert numbers["model_id"] == "classifier" and numbers["code_version"]
    assert "model, rated pairs" in process.stdout
    assert (output / "report.html").read_text().startswith("<!doctype html>")
    (tmp_path / "bad.tsv").write_text("\t".join(ratings.COLUMNS) + "\na\t0\t1\tx\tyes\n")
    cases = {
        "--scores is required": ["--task=scores"],
        f"error: {tmp_path}/bad.tsv: line 2: present is 'yes'": [*by_scores, f"--ratings={tmp_path}/bad.tsv"],
        "these are ratings, not strong labels": [*by_scores, f"--strong_labels={framed}"],
    }
    for message, arguments in cases.items():
        assert message in processes.error_of(evaluate(*arguments, f"--output={tmp_path}/bad"))
    assert not (tmp_path / "bad").exists()
