import dataclasses
from typing import Tuple

import pytest

from audioset_triplet import settings
from audioset_triplet.errors import UserError


@dataclasses.dataclass(frozen=True)
class Shape:
    sizes: Tuple[int, ...] = (1, 2)


def message(before, now, **options):
    with pytest.raises(UserError) as error:
        settings.require_same("runs/x holds a run with other settings", before, now, **options)
    return str(error.value)


def test_the_same_settings_pass_whether_they_come_from_a_file_or_not():
    settings.require_same("", {"a": {"sizes": [1, 2]}, "b": {"3": None}}, {"b": {3: None}, "a": Shape()})


def test_values_that_differ_are_named():
    before, now = {"seed": 1, "a": Shape(), "gone": 2}, {"seed": 1, "a": Shape((1,)), "new": "x"}
    assert message(before, now) == (
        "runs/x holds a run with other settings (a/sizes: [1, 2], now [1], gone: 2, now None, new: None, now x): give "
        "the same flags and the same input to go on, or another --workdir."
    )
    assert message(1, 2, flag="--output").endswith("or another --output.")


def test_the_same_difference_in_several_places_is_named_once():
    def rows(**steps):
        return {"rows": {name: {"training": {"steps": value}} for name, value in steps.items()}}

    assert "(rows/*/training/steps: 1, now 2):" in message(rows(a=1, b=1), rows(a=2, b=2))
    assert "(rows/b/training/steps: 1, now 2):" in message(rows(a=1, b=1), rows(a=1, b=2))
    found = message(rows(a=1, b=5), rows(a=2, b=6))
    assert "rows/a/training/steps: 1, now 2" in found and "rows/b/training/steps: 5, now 6" in found


def test_of_many_differences_some_are_named():
    before, now = ({str(key): key + shift for key in range(20)} for shift in (0, 1))
    assert ", 7: 7, now 8; and 12 more):" in message(before, now)


def test_settings_are_extended_on_any_level_but_not_changed():
    before = {"seed": 1, "rows": {"a": {"steps": 3}}}
    added = {"rows": {"a": {"rate": 0.5}, "b": {}}, "splits": [1]}
    assert settings.extended("", before, added) == {
        "seed": 1,
        "rows": {"a": {"steps": 3, "rate": 0.5}, "b": {}},
        "splits": [1],
    }
    with pytest.raises(UserError, match="out holds a table .rows/a/steps: 3, now 4.: .* another --output"):
        settings.extended("out holds a table", before, {"rows": {"a": {"steps": 4}}})
