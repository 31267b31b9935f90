import numpy as np
import pytest

from audioset_triplet.errors import UserError
from audioset_triplet.store import embeddings, stored_clips, units
from tests import example_clips


def test_windows_and_clips_are_what_is_stored(tmp_path):
    infos = example_clips.make_infos(6, 2)
    weights = np.random.default_rng(0).uniform(0.5, 1, (6, 3))
    windows = example_clips.write(tmp_path, infos, weights=weights, rows_per_part=7)
    batches = list(units.read(str(tmp_path), "windows"))
    np.testing.assert_array_equal(np.concatenate([one.vectors for one in batches]), windows.reshape(18, -1))
    np.testing.assert_allclose(np.concatenate([one.weights for one in batches]), weights.reshape(-1), rtol=1e-6)
    starts = np.concatenate([one.window_start_seconds for one in batches])
    np.testing.assert_allclose(starts, np.tile([0, 0.96, 1.92], 6), rtol=1e-6)

    whole = list(units.read(str(tmp_path), "clips", folds=(2,)))
    assert np.concatenate([one.clip_ids for one in whole]).tolist() == ["clip00001", "clip00003", "clip00005"]
    expected = stored_clips.clip_vectors(str(tmp_path)).vectors[1::2]
    np.testing.assert_array_equal(np.concatenate([one.vectors for one in whole]), expected)
    assert all(one.window_start_seconds is None and (one.weights == 1).all() for one in whole)


def test_a_clip_whose_windows_cancel_out_has_no_weight(tmp_path):
    infos = example_clips.make_infos(1, 1)
    with embeddings.EmbeddingWriter(str(tmp_path), "model", "front-end", 2) as writer:
        writer.write(infos[0], np.array([0, 0.96]), np.array([[1, 0], [-1, 0]]))
    (batch,) = units.read(str(tmp_path), "clips")
    assert batch.weights == [0]


@pytest.mark.parametrize("unit", ["windows", "clips"])
def test_a_fold_without_clips_and_a_clip_in_two_places_are_named(tmp_path, unit):
    example_clips.write(tmp_path / "a", example_clips.make_infos(4, 2))
    with pytest.raises(UserError, match="holds no clip of fold 9, only of 1, 2"):
        next(units.read(str(tmp_path / "a"), unit, (9,)))
    (tmp_path / "a" / "embeddings-00001.parquet").write_bytes(
        (tmp_path / "a" / "embeddings-00000.parquet").read_bytes()
    )
    with pytest.raises(UserError, match="clip clip0000. is stored twice"):
        next(units.read(str(tmp_path / "a"), unit))
