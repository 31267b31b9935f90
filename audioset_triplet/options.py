"""What configs consist of (frozen dataclasses whose fields have a help text and choices), and their JSON."""

import dataclasses
import json
import typing
from typing import Any, List, Mapping, Tuple, Type, TypeVar

from audioset_triplet.errors import UserError

Config = TypeVar("Config")


def option(default: Any, text: str, choices: Tuple[str, ...] = ()) -> Any:
    """A field of a config: its default, its help text and, where it has few values, these."""
    return dataclasses.field(default=default, metadata={"help": text, "choices": choices})


def require(condition: bool, message: str) -> None:
    """Raises a UserError that says `message` unless the condition holds."""
    if not condition:
        raise UserError(message)


def to_json(config: Any) -> str:
    """The config as indented JSON, nested as the dataclasses are."""
    return json.dumps(dataclasses.asdict(config), indent=2) + "\n"


def from_json(config_class: Type[Config], text: str) -> Config:
    """The inverse of `to_json`; a missing key takes its default; an unknown key or broken JSON is a UserError."""
    try:
        values = json.loads(text)
    except ValueError as error:
        raise UserError(f"{config_class.__name__} cannot be read: {error}.") from error
    return from_mapping(config_class, values)


def from_mapping(config_class: Type[Config], values: Mapping[str, Any]) -> Config:
    """A config from nested mappings such as parsed JSON."""
    types = typing.get_type_hints(config_class)
    unknown = sorted(set(values) - set(types))
    require(not unknown, f"{config_class.__name__} has no field {', '.join(unknown)}.")

    def convert(name: str, value: Any) -> Any:
        if dataclasses.is_dataclass(types[name]):
            return from_mapping(types[name], value)
        return tuple(value) if isinstance(value, list) else value

    return config_class(**{name: convert(name, value) for name, value in values.items()})


def differences(first: Any, second: Any) -> List[str]:
    """The fields in which two configs of one class differ, each as "name: first, now second"."""
    found: List[str] = []
    for field in dataclasses.fields(first):
        before, after = getattr(first, field.name), getattr(second, field.name)
        if dataclasses.is_dataclass(before):
            found += differences(before, after)
        elif before != after:
            found.append(f"{field.name}: {before}, now {after}")
    return found
