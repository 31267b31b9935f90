"""The digest of a set of clips: the same wherever it is made, and another for every other set."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audioset_triplet import clips

IDS = st.lists(st.text(st.characters(codec="utf-8"), min_size=1, max_size=6), max_size=8)
# Few letters, among them those that stand between ids: near misses.
TRICKY_IDS = st.lists(st.text("a\n\\n", min_size=1, max_size=4), max_size=5)


@pytest.mark.parametrize(
    "ids, expected",
    [
        # A file with an id per line; then: printf %s "$(LC_ALL=C sort -u FILE)" | sha256sum | cut -c 1-16
        (["b_30000", "-a_0", "Ä_0", "Z_1"], "01504091066068d0"),
        (["1-100032-A-0"], "eacd6a52ff72fb07"),
        ([], "e3b0c44298fc1c14"),
    ],
)
def test_the_digest_equals_that_of_a_shell(ids, expected):
    assert clips.digest(ids) == expected


@given(IDS, st.randoms())
def test_neither_order_nor_repetition_counts(ids, random):
    others = [*ids, *ids[:2]]
    random.shuffle(others)
    assert clips.digest(others) == clips.digest(iter(ids))


@given(IDS, IDS)
def test_another_set_has_another_digest(one, other):
    assert (clips.digest(one) == clips.digest(other)) == (set(one) == set(other))


@given(TRICKY_IDS, TRICKY_IDS)
def test_a_line_break_in_an_id_is_not_one_between_ids(one, other):
    assert (clips.digest(one) == clips.digest(other)) == (set(one) == set(other))
