import pytest

from audioset_triplet import named_values
from audioset_triplet.errors import UserError


def test_a_value_may_hold_anything_and_a_name_may_come_again_in_pairs():
    texts = ["a=x/*.tfrecord", "b=y=z", "a=w"]
    assert named_values.pairs("sets", texts) == [("a", "x/*.tfrecord"), ("b", "y=z"), ("a", "w")]
    assert named_values.named("sets", texts[:2]) == {"a": "x/*.tfrecord", "b": "y=z"}
    assert named_values.named("starts", ["b=run", "scratch", "a=run"], alone="scratch") == {
        "b": "run",
        "scratch": "",
        "a": "run",
    }


@pytest.mark.parametrize(
    "texts, options, message",
    [
        (["a"], {}, "--sets needs NAME=VALUE, and names without /, not 'a'"),
        (["a="], {"value": "DIR"}, "--sets needs NAME=DIR, and names without /, not 'a='"),
        (["=x"], {}, "not '=x'"),
        (["a/b=x"], {}, "not 'a/b=x'"),
        (["..=x"], {}, "not '..=x'"),
        (["scratch=x"], {"alone": "scratch"}, "--sets needs scratch or NAME=VALUE.*, not 'scratch=x'"),
        (
            ["a=x", "c=y"],
            {"known": ["a", "b"], "of": "data"},
            "no set of --data has this name; there are a, b",
        ),
        (["a=x", "a=y"], {}, "--sets has the name a twice"),
    ],
)
def test_other_texts_are_refused(texts, options, message):
    with pytest.raises(UserError, match=message):
        named_values.named("sets", texts, **options)
