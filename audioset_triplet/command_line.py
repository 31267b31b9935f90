"""What every binary shares: flags made from config dataclasses, and one clear line for a bad input.

This is the only module of the library that knows absl, and only binaries import it.
"""

import collections
import contextlib
import dataclasses
import logging
import os
import sys
import typing
from typing import Any, Callable, Dict, Iterator, List, Sequence, Tuple, TypeVar

from absl import app, flags
from absl import logging as absl_logging

from audioset_triplet import compat, files, named_values
from audioset_triplet.errors import Terminated, UserError

compat.quiet_tensorflow()  # binaries import this module before TensorFlow
flags.disclaim_key_flags()

Config = TypeVar("Config")


def _config_of(field: dataclasses.Field, owner: type) -> Any:
    hint = typing.get_type_hints(owner)[field.name]
    return hint if dataclasses.is_dataclass(hint) else None


def define_flags(*config_classes: type, left_out: Sequence[str] = ()) -> None:
    """Defines one flag per field of some configs, nested ones included; field names are unique over all configs.

    Args:
        config_classes: the configs. A field that several of them inherit from one base class is one flag.
        left_out: fields without a flag, because the program itself decides them.
    """
    defined: List[dataclasses.Field] = []
    for config_class in config_classes:
        for field, hint in _flag_fields(config_class):
            if field.name not in left_out and not any(field is one for one in defined):
                _define_flag(field, hint)
                defined.append(field)


def _flag_fields(config_class: type) -> Iterator[Tuple[dataclasses.Field, Any]]:
    """The fields of a config and of those nested in it, with their types."""
    for field in dataclasses.fields(config_class):
        nested = _config_of(field, config_class)
        if nested:
            yield from _flag_fields(nested)
        else:
            yield field, typing.get_type_hints(config_class)[field.name]


def _define_flag(field: dataclasses.Field, hint: Any) -> None:
    name, text = field.name, field.metadata["help"]
    default: Any = field.default
    if typing.get_origin(hint) is tuple:  # whose choices, if there are any, the config checks
        flags.DEFINE_list(name, [str(item) for item in default], text)
    elif field.metadata["limits"].choices:
        flags.DEFINE_enum(name, default, list(field.metadata["limits"].choices), text)
    else:
        define = {
            int: flags.DEFINE_integer,
            float: flags.DEFINE_float,
            bool: flags.DEFINE_bool,
            str: flags.DEFINE_string,
        }
        define[hint](name, default, text)


def config_from_flags(base: Config) -> Config:
    """`base` (a preset, say) with every flag that was given on the command line or in a flagfile put over it.

    A field without a flag (`define_flags`) keeps its value.
    """
    changes: Dict[str, Any] = {}
    for field in dataclasses.fields(base):  # type: ignore[arg-type]
        if _config_of(field, type(base)):
            changes[field.name] = config_from_flags(getattr(base, field.name))
        elif field.name in flags.FLAGS and flags.FLAGS[field.name].present:
            changes[field.name] = _flag_value(field.name, typing.get_type_hints(type(base))[field.name])
    return dataclasses.replace(base, **changes)  # type: ignore[type-var]


def _flag_value(name: str, hint: Any) -> Any:
    value = flags.FLAGS[name].value
    if typing.get_origin(hint) is not tuple:
        return value
    item_type = typing.get_args(hint)[0]
    try:
        return tuple(item_type(item) for item in value)
    except ValueError as error:
        raise UserError(
            f"--{name} needs a comma-separated list of {item_type.__name__}s, not {','.join(value)!r}."
        ) from error


def integers(name: str) -> Tuple[int, ...]:
    """The value of a list flag whose items are whole numbers, such as `--folds=1,2,3`."""
    return _flag_value(name, Tuple[int, ...])


def named_folders(flag: str) -> Dict[str, str]:
    """The value of a list flag such as --compare=log-mel=DIR,untrained=DIR."""
    return named_values.named(flag, flags.FLAGS[flag].value, value="DIR")


def require_flags(*names: str) -> None:
    """Raises a UserError that names the first of these flags that was left empty."""
    for name in names:
        if not flags.FLAGS[name].value:
            raise UserError(f"--{name} is required: {flags.FLAGS[name].help}")


def run(main: Callable[[], None], writes: str = "") -> None:
    """Parses the flags and runs `main`; `--help` exits with 0, a UserError is one line on stderr and exit code 1.

    Args:
        main: the program.
        writes: the flag of the folder that it writes, and holds alone (`writing`); empty: none, or not always the same.
    """

    def alone() -> None:
        with writing(writes) if writes else contextlib.nullcontext():
            main()

    app.run(lambda _: _guarded(alone), flags_parser=_parse)


@contextlib.contextmanager
def writing(flag: str) -> Iterator[None]:
    """Holds the folder that a flag names, before any work (`files.one_writer`); nothing where the flag was left empty.

    Of several workers of a training none does: they share the folder, and the chief holds it when they are connected.
    """
    folder = flags.FLAGS[flag].value
    is_one_of_several = False
    if os.environ.get("TF_CONFIG"):
        from audioset_triplet import distribution  # here: TensorFlow takes seconds to load

        is_one_of_several = distribution.num_workers() > 1
    with contextlib.nullcontext() if is_one_of_several or not folder else files.one_writer(folder):
        yield


def run_passing_on(main: Callable[[List[str]], None]) -> None:
    """As `run`, for a program that hands the arguments behind a `--` on to a library that it uses."""
    own, passed_on = list(sys.argv), []
    if "--" in own:
        own, passed_on = own[: own.index("--")], own[own.index("--") + 1 :]
    app.run(lambda _: _guarded(lambda: main(passed_on)), argv=own, flags_parser=_parse)


def _guarded(main: Callable[[], None]) -> None:
    absl_logging.set_verbosity(absl_logging.WARNING)
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    try:
        main()
    except (UserError, OSError) as error:  # OSError: a full disk, a folder that may not be written
        _fail(str(error))
    except Terminated as stop:
        print(stop, file=sys.stderr)
    except KeyboardInterrupt as stop:  # an Interrupted says what is kept
        print(f"interrupted: {stop}" if str(stop) else "interrupted", file=sys.stderr)
        sys.exit(130)


def _require_lists_once(arguments: Sequence[str]) -> None:
    """A list that is given twice would be the second one alone, without a word."""
    given = collections.Counter(
        argument.lstrip("-").partition("=")[0] for argument in arguments if argument.startswith("-")
    )
    for name, times in given.items():
        if times > 1 and name in flags.FLAGS and isinstance(flags.FLAGS[name].parser, flags.ListParser):
            raise flags.Error(f"--{name} is given {times} times: give all values at once, separated by commas.")


def _parse(arguments: List[str]) -> List[str]:
    if {"--help", "-help", "-h", "--helpshort"} & set(arguments[1:]):
        app.usage(shorthelp=True, writeto_stdout=True)
        sys.exit(0)
    try:
        rest = flags.FLAGS(arguments)
        _require_lists_once(arguments[1:])
    except flags.Error as error:
        _fail(str(error))
    if len(rest) > 1:
        _fail(f"unexpected argument {rest[1]!r}: every argument is a --flag=value.")
    return rest


def _fail(message: str) -> None:
    print("error:", " ".join(message.split()), file=sys.stderr)
    sys.exit(1)


def preset_flag(presets: Dict[str, Callable[[], Any]]) -> None:
    """Defines `--preset`, whose values are the names of the presets."""
    flags.DEFINE_enum(
        "preset",
        None,
        sorted(presets),
        "Setting to start from, whose values replace the defaults named here; other flags override it.",
    )
