"""The flags of the launch scripts, and small functions that scripts of users call."""

import json
import os
import sys
from argparse import SUPPRESS, ArgumentError, ArgumentParser, Namespace
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NoReturn, TypeVar

from decentralizepy.config.flags import (
    Flag,
    defaults as flag_defaults,
    flags,
    run_problems,
    run_values,
)
from decentralizepy.errors import ConfigError, did_you_mean
from decentralizepy.files import write_atomic

T = TypeVar("T")


def conditional_value(var: Any, nul: Any, default: Any) -> Any:
    """Return ``var``, or ``default`` where ``var`` equals ``nul``."""
    return default if var == nul else var


def remove_keys(d: Mapping[str, T], keys_to_remove: Iterable[str]) -> dict[str, T]:
    """Return a copy of ``d`` without the keys."""
    removed = set(keys_to_remove)
    return {key: value for key, value in d.items() if key not in removed}


def identity(obj: T) -> T:
    """Return ``obj``."""
    return obj


def write_args(args: Namespace, dir: str | os.PathLike[str]) -> None:
    """Write every argument to ``args.json`` in the folder ``dir``, whole or not at all."""
    text = json.dumps(vars(args), default=str, indent=1)
    write_atomic(os.path.join(dir, "args.json"), text)


class _Parser(ArgumentParser):
    """A parser that says what is wrong in one line."""

    def error(self, message: str) -> NoReturn:
        print(message, file=sys.stderr)
        sys.exit(ConfigError.exit_status)


def make_parser() -> ArgumentParser:
    """Return the parser of the flags of a launch and ``--set``.

    A command may add flags of its own. What is not given is absent from what it returns.
    """
    parser = _Parser(exit_on_error=False)
    for flag in flags():
        names = filter(None, (flag.short, f"--{flag.name}"))
        parser.add_argument(*names, default=SUPPRESS, **_form(flag))
    parser.add_argument(
        "--set",
        action="append",
        default=SUPPRESS,
        metavar="SECTION.KEY=VALUE",
        help="set a key of the INI file; may be given often",
    )
    return parser


def _form(flag: Flag) -> dict[str, Any]:
    """Return how a flag is written on the command line, in argparse's words."""
    if flag.default is False:
        return {"action": "store_true", "help": flag.help}
    return {
        "type": flag.reading,
        "nargs": "+" if isinstance(flag.default, list) else None,
        "metavar": flag.name.upper(),
        "help": f"{flag.help} (default: {flag.default})",
    }


def get_args(
    argv: Sequence[str] | None = None,
    defaults: Mapping[str, Any] | None = None,
    parser: ArgumentParser | None = None,
) -> Namespace:
    """Return the flags of a launch.

    Parameters
    ----------
    argv
        The words of the command line; those of this process if not given.
    defaults
        The section RUN of the INI file: long names of flags and their values, which
        count where a flag is not given.
    parser
        :func:`make_parser`'s, with the flags of a command added.

    Raises
    ------
    ConfigError
        If ``defaults`` has an unknown name or a value that does not fit, each in a line.
    SystemExit
        With status 2, after a line on stderr, if a flag does not fit.
    """
    return merged(defaults or {}, given(argv, parser))


def given(
    argv: Sequence[str] | None = None, parser: ArgumentParser | None = None
) -> dict[str, Any]:
    """Return the flags that the command line holds, by long name.

    Arguments as for :func:`get_args`; what a command added to ``parser`` is there too.
    """
    parser = parser or make_parser()
    try:
        args, left = parser.parse_known_args(argv)
    except ArgumentError as error:
        parser.error(f"{error.argument_name}: {error.message}")
    if left:
        unknown = next((word for word in left if word.startswith("-")), None)
        if unknown is None:
            parser.error(f"{left[0]}: not a flag, and no flag takes it")
        known = [f"--{flag.name}" for flag in flags()]
        parser.error(f"{unknown}: no such flag{did_you_mean(unknown, known)}")
    return vars(args)


def merged(section: Mapping[str, Any], chosen: Mapping[str, Any]) -> Namespace:
    """Return the flags where those of section RUN count unless others are ``chosen``.

    Errors as for :func:`get_args`.
    """
    values = {"set": [], **flag_defaults(), **chosen}
    place = {"file": values["config_file"], "section": "RUN"}
    problems = [problem.within(**place) for problem in run_problems(section)]
    if problems:
        raise ConfigError(problems=problems)
    return Namespace(**{**values, **run_values(section), **chosen})
