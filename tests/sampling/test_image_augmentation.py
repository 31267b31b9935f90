import numpy as np
import tensorflow as tf

from audioset_triplet.sampling.image_augmentation import augment


def augmented(image, count=40):
    return [augment(tf.constant(image), tf.constant([0, seed], tf.int64)).numpy() for seed in range(count)]


def test_crops_are_parts_of_the_image_at_its_size_and_half_of_them_mirrored():
    # Green rises to the right, red downwards; blue is constant, so that saturation keeps the order of the pixels.
    ramp = np.linspace(40, 200, 48)
    image = np.stack(np.broadcast_arrays(ramp[:, None], ramp, 120.0), axis=-1).round().astype(np.uint8)
    mirrored, widths = 0, []
    for crop in augmented(image):
        assert crop.shape == image.shape and crop.dtype == np.uint8
        values = crop.astype(int)
        across, down = values[:, -1, 1] - values[:, 0, 1], values[-1, :, 0] - values[0, :, 0]
        assert (np.diff(values[:, 10, 0]) >= 0).all() and (down > 0).all()
        mirrored += across.mean() < 0
        widths.append(abs(across.mean()))
    assert 10 < mirrored < 30  # of 40; less likely than 1 in 1,000 otherwise
    assert max(widths) > 1.3 * min(widths)  # crops differ in size


def test_brightness_changes_by_a_fifth_at_most_and_grey_stays_grey():
    grey = np.full([32, 32, 3], 128, np.uint8)
    means = []
    for crop in augmented(grey):
        assert (crop == crop[0, 0]).all() and crop[0, 0].min() == crop[0, 0].max()
        means.append(int(crop[0, 0, 0]))
    assert 128 - 52 <= min(means) < 105 and 150 < max(means) <= 128 + 52


def test_the_same_seed_is_the_same_image():
    image = np.random.default_rng(0).integers(0, 256, [32, 32, 3]).astype(np.uint8)
    first, second = augmented(image, 5), augmented(image, 5)
    for one, other in zip(first, second):
        np.testing.assert_array_equal(one, other)
    assert (first[0] != first[1]).any()
