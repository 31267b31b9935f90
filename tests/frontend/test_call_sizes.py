"""How many windows a call takes."""

import pytest

from audioset_triplet.frontend import call_sizes, registry

MILLION = 1 << 20


@pytest.mark.parametrize("name, count", [("log_mel", 64), ("three_band", 4), ("three_band-stereo", 2)])
def test_long_windows_share_a_call_with_fewer(name, count):
    front_end = registry.by_name(name)
    assert call_sizes.windows_per_call(front_end) == count
    samples = front_end.window_samples * front_end.num_channels
    assert count * samples <= MILLION and (count == 64 or (count + 1) * samples > MILLION)


def test_a_window_of_ten_minutes_has_a_call_of_its_own():
    assert call_sizes.windows_per_call(registry.by_name("three_band-600s")) == 1
