import pytest

from audioset_triplet.plurals import counted


@pytest.mark.parametrize(
    "arguments, text",
    [
        ((0, "clip"), "0 clips"),
        ((1, "clip"), "1 clip"),
        ((2, "class"), "2 classes"),
        ((2, "query"), "2 queries"),
        ((1, "clip is", "clips are"), "1 clip is"),
        ((3, "clip is", "clips are"), "3 clips are"),
    ],
)
def test_what_is_counted_is_singular_or_plural(arguments, text):
    assert counted(*arguments) == text
