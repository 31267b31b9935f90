import json

import pytest

from audioset_triplet.clips import ClipInfo
from audioset_triplet.errors import UserError
from audioset_triplet.training import class_priors
from tests.data_prep.test_coverage import make_card


def clip(*labels):
    return ClipInfo("", "", labels, tuple(f"class{label}" for label in labels))


def test_a_prior_is_the_share_of_clips_and_its_weight_the_power_of_the_mean_over_it():
    priors = class_priors.of_clips([clip(7), clip(7, 2), clip(7), clip(2), clip(7)])
    assert priors == {2: 0.4, 7: 0.8}  # mean 0.6
    assert class_priors.positive_weights(priors, 1) == pytest.approx({2: 1.5, 7: 0.75})
    assert class_priors.positive_weights(priors, 0.5) == pytest.approx({2: 1.5**0.5, 7: 0.75**0.5})
    assert class_priors.positive_weights(priors, 0) == {2: 1, 7: 1}


@pytest.fixture
def card(tmp_path):
    """Three used clips: two dogs, one of which is also a cat; no clip of an emu."""
    path = tmp_path / "coverage.json"
    path.write_text(json.dumps(make_card()))
    return path


def test_priors_of_a_card_are_shares_of_its_used_clips(card, capsys):
    assert class_priors.of_card(str(card), {0: "dog", 1: "cat"}) == pytest.approx({0: 2 / 3, 1: 1 / 3})
    assert capsys.readouterr().err == ""
    assert class_priors.of_card(str(card), {0: "dog"}) == pytest.approx({0: 2 / 3})
    assert f"1 classes of --priors={card} have no clip to learn from: left out" in capsys.readouterr().err


def test_a_card_that_gives_no_priors_is_one_clear_line(card, tmp_path):
    with pytest.raises(UserError, match=r"1 classes .* such as 7 .emu_<&>.: their prior is 0 there"):
        class_priors.of_card(str(card), {0: "dog", 7: "emu_<&>"})
    with pytest.raises(UserError, match="such as 9 .fox.: their prior is 0 there"):
        class_priors.of_card(str(card), {9: "fox"})
    with pytest.raises(UserError, match="class 0 is called both 'wolf' and 'dog'"):
        class_priors.of_card(str(card), {0: "wolf"})
    with pytest.raises(UserError, match="--priors=.*none.json: No such file"):
        class_priors.of_card(str(tmp_path / "none.json"), {0: "dog"})
    for text in ("{}", '{"total": {"used": 3, "classes": [{"index": 0}]}}', '{"total": []}'):
        card.write_text(text)
        with pytest.raises(UserError, match="not the copy card of prepared records .* is this coverage.json"):
            class_priors.of_card(str(card), {0: "dog"})
