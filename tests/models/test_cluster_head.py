import numpy as np
import tensorflow as tf

from audioset_triplet.models.cluster_head import ClusterHead
from audioset_triplet.training import moving_average


def test_a_head_begins_with_rows_of_one_length_and_no_bias():
    head = ClusterHead(num_clusters=50, embedding_size=8, scale=20.0)
    np.testing.assert_allclose(np.linalg.norm(head.kernel, axis=1), 20, rtol=1e-5)
    assert np.abs(np.mean(head.kernel / 20.0)) < 0.1 and not np.any(head.bias)
    assert [variable.shape for variable in head.trainable_variables] == [(50, 8), (50,)]


def test_a_head_that_begins_with_directions_has_them_at_its_scale():
    head = ClusterHead(2, 2, scale=3.0)
    head.begin_with(np.array([[0.6, 0.8], [1, 0]], np.float32))
    np.testing.assert_allclose(head.kernel, [[1.8, 2.4], [3, 0]], rtol=1e-6)


def test_a_head_is_float32_in_a_run_of_half_precision():
    tf.keras.mixed_precision.set_global_policy("mixed_float16")
    try:
        head = ClusterHead(2, 2, scale=1.0)
    finally:
        tf.keras.mixed_precision.set_global_policy("float32")
    assert (head.kernel + 0).dtype == (head.bias + 0).dtype == tf.float32


def test_a_head_comes_back_from_a_checkpoint_and_has_a_moving_average(tmp_path):
    head = ClusterHead(3, 2, scale=1.0)
    average = moving_average.copies({"head": head})["head"]
    np.testing.assert_array_equal(average.kernel, head.kernel)
    path = tf.train.Checkpoint(head=head).save(str(tmp_path / "ckpt"))
    other = ClusterHead(3, 2, scale=1.0)
    tf.train.Checkpoint(head=other).restore(path).assert_consumed()
    np.testing.assert_array_equal(other.kernel, head.kernel)
