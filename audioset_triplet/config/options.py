"""What configs consist of: frozen dataclasses whose fields have a help text, bounds and choices; and their JSON.

`option(...)` states everything about a field once: its default, its meaning, and which values it may have. `Config`
checks all of it when an object is made; a subclass adds only rules that hold between fields (`check_rules`).
"""

import dataclasses
import json
import math
import typing
from typing import Any, List, Mapping, Optional, Tuple, Type, TypeVar

from audioset_triplet.errors import UserError

AnyConfig = TypeVar("AnyConfig")


@dataclasses.dataclass(frozen=True)
class Limits:
    """Which values an option may have; of an option with several values, each of them."""

    choices: Tuple[str, ...] = ()
    at_least: Optional[float] = None
    above: Optional[float] = None
    at_most: Optional[float] = None
    below: Optional[float] = None
    length: Optional[int] = None  # how many values it has

    def allow(self, value: Any) -> bool:
        """Whether one value is within the bounds and among the choices."""
        if self.choices and value not in self.choices:
            return False
        if isinstance(value, float) and not math.isfinite(value):
            return False
        return (
            (self.at_least is None or value >= self.at_least)
            and (self.above is None or value > self.above)
            and (self.at_most is None or value <= self.at_most)
            and (self.below is None or value < self.below)
        )

    def __str__(self) -> str:
        if self.choices:
            return f"one of {', '.join(self.choices)}"
        bounds = {"at least": self.at_least, "above": self.above, "at most": self.at_most, "below": self.below}
        return " and ".join(f"{name} {bound}" for name, bound in bounds.items() if bound is not None) or "finite"


def option(
    default: Any,
    text: str,
    choices: Tuple[str, ...] = (),
    *,
    at_least: Optional[float] = None,
    above: Optional[float] = None,
    at_most: Optional[float] = None,
    below: Optional[float] = None,
    length: Optional[int] = None,
) -> Any:
    """A field of a config.

    Args:
        default: its default value.
        text: its help text.
        choices: the values of a string option; empty: any.
        at_least, above, at_most, below: bounds of a number, or of each number of a tuple. Numbers are always finite.
        length: how many items a tuple has; None: any number.
    """
    limits = Limits(choices, at_least, above, at_most, below, length)
    return dataclasses.field(default=default, metadata={"help": text, "limits": limits})


def require(condition: bool, message: str) -> None:
    """Raises a UserError that says `message` unless the condition holds."""
    if not condition:
        raise UserError(message)


@dataclasses.dataclass(frozen=True)
class Config:
    """The base class of all configs.

    Raises:
        UserError: a field with a value of another type, or one that its `option` does not allow.
    """

    def __post_init__(self) -> None:
        hints = typing.get_type_hints(type(self))
        for field in dataclasses.fields(self):
            if "limits" in field.metadata:
                _check(field.name, getattr(self, field.name), hints[field.name], field.metadata["limits"])
        self.check_rules()

    def check_rules(self) -> None:
        """Raises a UserError where fields contradict each other."""


def _check(name: str, value: Any, hint: Any, limits: Limits) -> None:
    is_tuple = typing.get_origin(hint) is tuple
    item_type = typing.get_args(hint)[0] if is_tuple else hint
    shown = ",".join(map(str, value)) if isinstance(value, tuple) else repr(value)
    items = value if is_tuple and isinstance(value, tuple) else (value,)
    accepted = (int, float) if item_type is float else item_type
    is_typed = isinstance(value, tuple) == is_tuple and all(
        isinstance(item, accepted) and (item_type is bool or not isinstance(item, bool)) for item in items
    )
    require(is_typed, f"--{name} must be of type {getattr(item_type, '__name__', item_type)}, not {shown}.")
    if limits.length is not None:
        require(len(items) == limits.length, f"--{name} needs {limits.length} values, not {shown}.")
    what = "must have values that are" if is_tuple else "must be"
    require(all(map(limits.allow, items)), f"--{name} {what} {limits}, not {shown}.")


def to_json(config: Any) -> str:
    """The config as indented JSON, nested as the dataclasses are."""
    return json.dumps(dataclasses.asdict(config), indent=2) + "\n"


def from_json(config_class: Type[AnyConfig], text: str) -> AnyConfig:
    """The inverse of `to_json`; a missing key takes its default; an unknown key or broken JSON is a UserError."""
    try:
        values = json.loads(text)
    except ValueError as error:
        raise UserError(f"{config_class.__name__} cannot be read: {error}.") from error
    return from_mapping(config_class, values)


def from_mapping(config_class: Type[AnyConfig], values: Mapping[str, Any]) -> AnyConfig:
    """A config from nested mappings such as parsed JSON; a UserError where it is none of this class."""
    require(isinstance(values, Mapping), f"{config_class.__name__} is not a JSON object.")
    types = typing.get_type_hints(config_class)
    unknown = sorted(set(values) - {field.name for field in dataclasses.fields(config_class)})  # type: ignore[arg-type]
    require(not unknown, f"{config_class.__name__} has no field {', '.join(unknown)}.")

    def convert(name: str, value: Any) -> Any:
        if dataclasses.is_dataclass(types[name]):
            return from_mapping(types[name], value)
        return tuple(value) if isinstance(value, list) else value

    return config_class(**{name: convert(name, value) for name, value in values.items()})


def differences(first: Any, second: Any) -> List[str]:
    """The fields in which two configs of one class differ, each as "name: first, now second"."""
    texts: List[str] = []
    for field in dataclasses.fields(first):
        before, after = getattr(first, field.name), getattr(second, field.name)
        if dataclasses.is_dataclass(before):
            texts += differences(before, after)
        elif before != after:
            texts.append(f"{field.name}: {before}, now {after}")
    return texts
