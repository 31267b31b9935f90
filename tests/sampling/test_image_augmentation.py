import numpy as np
import tensorflow as tf

from audioset_triplet.sampling.image_augmentation import alter


def altered(picture, count=40):
    return [alter(tf.constant(picture), tf.constant([0, seed], tf.int64)).numpy() for seed in range(count)]


def test_cuts_are_parts_of_the_picture_at_its_size_and_half_of_them_mirrored():
    # Green rises to the right, red downwards; blue is constant, so that saturation keeps the order of the pixels.
    ramp = np.linspace(40, 200, 48)
    picture = np.stack(np.broadcast_arrays(ramp[:, None], ramp, 120.0), axis=-1).round().astype(np.uint8)
    mirrored, widths = 0, []
    for one in altered(picture):
        assert one.shape == picture.shape and one.dtype == np.uint8
        values = one.astype(int)
        across, down = values[:, -1, 1] - values[:, 0, 1], values[-1, :, 0] - values[0, :, 0]
        assert (np.diff(values[:, 10, 0]) >= 0).all() and (down > 0).all()
        mirrored += across.mean() < 0
        widths.append(abs(across.mean()))
    assert 10 < mirrored < 30  # of 40; less likely than 1 in 1,000 otherwise
    assert max(widths) > 1.3 * min(widths)  # cuts differ in size


def test_light_changes_by_a_fifth_at_most_and_grey_stays_grey():
    grey = np.full([32, 32, 3], 128, np.uint8)
    means = []
    for one in altered(grey):
        assert (one == one[0, 0]).all() and one[0, 0].min() == one[0, 0].max()
        means.append(int(one[0, 0, 0]))
    assert 128 - 52 <= min(means) < 105 and 150 < max(means) <= 128 + 52


def test_the_same_seed_is_the_same_picture():
    picture = np.random.default_rng(0).integers(0, 256, [32, 32, 3]).astype(np.uint8)
    first, second = altered(picture, 5), altered(picture, 5)
    for one, other in zip(first, second):
        np.testing.assert_array_equal(one, other)
    assert (first[0] != first[1]).any()
