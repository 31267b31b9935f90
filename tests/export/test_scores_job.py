"""`embed --what=scores`: the scores of every window of an archive, as the classifier gives them."""

import numpy as np
import pytest
import soundfile
import tensorflow as tf

from audioset_triplet.config.embedding import EmbeddingConfig, EmbeddingModelConfig
from audioset_triplet.errors import UserError
from audioset_triplet.export import loaded_model, saved_model
from audioset_triplet.frontend import call_sizes, registry
from audioset_triplet.store import window_scores
from tests import foreign_models, processes, tiny_records
from tests.export.archives import embed, rows, write
from tests.tiny_network import CLASS_NAMES, build_tiny_classifier, build_tiny_network

LOG_MEL = registry.FRONT_ENDS["log_mel"]


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """Folders of exported models by what they give; that of scores alone has the classes of `tiny_records`."""
    folder = tmp_path_factory.mktemp("models")
    for name, network, names in [
        ("both", build_tiny_classifier(), CLASS_NAMES),
        ("scores", build_tiny_classifier(has_embedding=False), {index: f"class{index}" for index in range(4)}),
        ("embedding", build_tiny_network(), {}),
    ]:
        saved_model.export(network, str(folder / name), LOG_MEL, {}, names)
    return folder


def parts(folder):
    return {path.name: path.read_bytes() for path in sorted(folder.glob("scores-*"))}


def test_rows_are_what_the_model_gives(models, tmp_path, monkeypatch):
    window_vectors, sizes = loaded_model.ExportedModel.window_vectors, []

    def counted(self, windows):
        sizes.append(len(windows))
        return window_vectors(self, windows)

    monkeypatch.setattr(loaded_model.ExportedModel, "window_vectors", counted)
    write(tmp_path / "in", *range(4), seconds=2.2)
    model, out = str(models / "both"), tmp_path / "out"
    summary = embed(model, tmp_path / "in", out, what="scores", batch_size=0)
    assert (summary.num_clips, summary.num_windows) == (4, 8)
    assert sizes == [call_sizes.windows_per_call(LOG_MEL)]  # filled up with silence
    info = window_scores.read_info(str(out))
    assert info == loaded_model.load(EmbeddingModelConfig(model=model), "scores").info and info.names == CLASS_NAMES
    assert (info.window_seconds, info.hop_seconds) == (0.975, 0.96)
    plain, clips = tf.saved_model.load(model), window_scores.clip_scores(str(out))
    (batch,) = window_scores.read_batches(str(out))
    for name in ("001.wav", "even/000.wav"):
        result = plain(soundfile.read(tmp_path / "in" / name, dtype="float32")[0])
        is_of_clip = batch.clip_ids == name
        np.testing.assert_allclose(batch.scores[is_of_clip], result["window_scores"][0], atol=1e-6)
        np.testing.assert_allclose(batch.weights[is_of_clip], result["window_weights"][0], rtol=1e-5)
        np.testing.assert_allclose(clips.scores[clips.clip_ids.index(name)], result["scores"][0], atol=1e-6)


@pytest.mark.slow
def test_one_process_or_two_write_the_same_bytes(models, tmp_path):
    source = write(tmp_path / "in", *range(40), seconds=0.5)  # two shards
    embed(str(models / "both"), source, tmp_path / "one", what="scores", batch_size=64)
    flags = processes.flags(what="scores", model=models / "both", input=source, output=tmp_path / "two", num_workers=2)
    result = processes.run("experiments.embed", *flags)
    assert result.returncode == 0 and "40 clips, 40 windows" in result.stdout, result.stderr
    again = processes.run("experiments.embed", *flags)
    assert "nothing to do: all 40 clips were scored before" in again.stdout
    assert len(parts(tmp_path / "one")) == 2 and parts(tmp_path / "two") == parts(tmp_path / "one")


def test_records_bring_their_labels_and_what_is_new_is_scored(models, tmp_path):
    clips = tiny_records.make_clips(8)
    tiny_records.write(tmp_path / "0.tfrecord", clips[:4])
    data, out = tmp_path / "*.tfrecord", tmp_path / "out"
    assert embed(str(models / "scores"), data, out, what="scores").num_clips == 4
    tiny_records.write(tmp_path / "1.tfrecord", clips[4:])
    again = embed(str(models / "scores"), data, out, what="scores")
    assert (again.num_clips, again.num_before) == (4, 4)
    scored = window_scores.clip_scores(str(out))
    assert scored.classes == [0, 1, 2, 3] and len(scored.clip_ids) == 8
    labels = {clip.clip_id: list(clip.labels) for clip in clips}
    assert {name: np.flatnonzero(target).tolist() for name, target in zip(scored.clip_ids, scored.targets)} == labels
    embed(str(models / "both"), data, tmp_path / "others", what="scores")
    with pytest.raises(UserError, match="class 2 is called both 'dog' and 'class2'"):
        window_scores.clip_scores(str(tmp_path / "others"))


def test_a_folder_holds_the_scores_of_one_model_or_its_embeddings(models, tmp_path):
    source, out = write(tmp_path / "in", 1), tmp_path / "out"
    embed(str(models / "both"), source, out, what="scores")
    before = parts(out)
    with pytest.raises(UserError, match="holds scores, not embeddings: choose another --output"):
        embed(str(models / "both"), source, out)
    with pytest.raises(UserError, match="has model_id tiny.*, but this run has tiny.*: a folder holds the scores of"):
        embed(str(models / "scores"), source, out, what="scores")
    assert parts(out) == before
    embed(str(models / "both"), source, tmp_path / "embeddings")
    with pytest.raises(UserError, match="holds embeddings, not scores: choose another --output"):
        embed(str(models / "both"), source, tmp_path / "embeddings", what="scores")
    assert rows(tmp_path / "embeddings") != rows(out)


def test_a_model_that_does_not_give_them_is_one_clear_line(models, tmp_path):
    source = write(tmp_path / "in", 1)
    others = foreign_models.save(tmp_path / "others", foreign_models.VGGish())
    for model, what, message in [
        (models / "embedding", "scores", "gives embeddings alone: scores come from a classifier"),
        (models / "scores", "embeddings", "a classifier without a layer for an embedding .--bottleneck"),
        (others, "scores", "is not from experiments.export_model, and does not say which classes"),
    ]:
        with pytest.raises(UserError, match=message):
            embed(str(model), source, tmp_path / "out", what=what)
    with pytest.raises(UserError, match="--format=tfrecord: AudioSet's feature records hold embeddings"):
        EmbeddingConfig(what="scores", format="tfrecord")


def test_a_clip_whose_scores_are_none_is_rejected_and_scores_of_zeros_are_not(models, tmp_path, monkeypatch):
    class Spoilt:
        def __init__(self, loaded):
            self._loaded = loaded

        def __getattr__(self, name):
            return getattr(self._loaded, name)

        def window_vectors(self, windows):
            vectors, weights = (np.array(values) for values in self._loaded.window_vectors(windows))
            vectors[:, 1] = [np.nan if np.abs(window).max() > 0.9 else 0 for window in windows]
            vectors[[not window.any() for window in windows]] = 0
            return vectors, weights

    load = loaded_model.load
    monkeypatch.setattr(loaded_model, "load", lambda *arguments: Spoilt(load(*arguments)))
    source = write(tmp_path / "in", 1, 3)
    for name, amplitude in (("silent.wav", 0.0), ("loud.wav", 1.0)):
        soundfile.write(source / name, np.random.default_rng(0).uniform(-amplitude, amplitude, 40000), 16000)
    summary = embed(str(models / "both"), source, tmp_path / "out", what="scores")
    (reject,) = summary.rejects
    assert (reject.clip_id, reject.reason) == ("loud.wav", "no scores")
    assert "the window at 0.00 s the score nan of class 5 (church_bell), which is not from 0 to 1" in reject.message
    assert sorted({row[0] for row in rows(tmp_path / "out")}) == ["001.wav", "003.wav", "silent.wav"]
