import numpy as np

from audioset_triplet.synthetic.embeddings import Mixture


def test_windows_lie_around_their_modes():
    made = list(Mixture(num_windows=3, num_modes=10, embedding_size=256, noise=0.5, seed=1).clips(40))
    assert [clip.labels for clip, _ in made] == [(row % 10,) for row in range(40)]
    windows = np.concatenate([windows for _, windows in made])
    np.testing.assert_allclose(np.linalg.norm(windows, axis=1), 1, rtol=1e-5)
    modes = np.repeat(np.arange(40) % 10, 3)
    cosines = windows @ windows.T
    same = modes[:, None] == modes
    np.testing.assert_allclose(np.mean(cosines[same & ~np.eye(120, dtype=bool)]), 1 / 1.25, atol=0.02)
    assert abs(np.mean(cosines[~same])) < 0.03 and np.std(cosines[~same]) < 2 / np.sqrt(256)


def test_more_clips_begin_with_the_same():
    def make(count):
        return list(Mixture(num_windows=1, num_modes=2, embedding_size=4, noise=0.1, seed=0).clips(count))

    for (clip, windows), (same, same_windows) in zip(make(3), make(5000)):
        assert clip == same
        np.testing.assert_array_equal(windows, same_windows)
