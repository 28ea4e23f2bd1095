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
from decentralizepy.config.ini import typed
from decentralizepy.errors import ConfigError, did_you_mean, nearest
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


def write_args(args: Namespace, path: str | os.PathLike[str]) -> None:
    """Write every argument to ``args.json`` in the folder ``path``, whole or not at all."""
    text = json.dumps(vars(args), default=str, indent=1)
    write_atomic(os.path.join(path, "args.json"), text)


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

    A flag that is like none of them may be one that a driver of the user's own reads: it
    becomes an attribute, with a warning.

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
    parser = parser or make_parser()
    chosen, left = _parsed(argv, parser)
    extra, wrong = _extra(left)
    _refuse(wrong, parser)
    if extra:
        names = ", ".join(f"--{name}" for name in extra)
        print(f"warning: {names}: no flag of a launch; passed on", file=sys.stderr)
    return merged(defaults or {}, {**extra, **chosen})


def given(
    argv: Sequence[str] | None = None, parser: ArgumentParser | None = None
) -> dict[str, Any]:
    """Return the flags that the command line holds, by long name.

    Arguments as for :func:`get_args`; what a command added to ``parser`` is there too.
    """
    parser = parser or make_parser()
    chosen, left = _parsed(argv, parser)
    _refuse(left, parser)
    return chosen


def _parsed(
    argv: Sequence[str] | None, parser: ArgumentParser
) -> tuple[dict[str, Any], list[str]]:
    """Return the flags that a parser knows, and the words that are left."""
    try:
        args, left = parser.parse_known_args(_words() if argv is None else argv)
    except ArgumentError as error:
        parser.error(f"{error.argument_name}: {error.message}")
    return vars(args), left


def _words() -> list[str]:
    """Return the words of the command line; in a notebook none, as they are the kernel's."""
    in_notebook = os.path.basename(sys.argv[0]).endswith("kernel_launcher.py")
    return [] if in_notebook else sys.argv[1:]


def _extra(left: Sequence[str]) -> tuple[dict[str, Any], list[str]]:
    """Return flags of a user's own, by name, and the words that are none.

    A flag without a value is True.
    """
    extra: dict[str, Any] = {}
    wrong: list[str] = []
    name = ""
    for word in left:
        if word.startswith("--") and not nearest(word, _known()):
            name, equals, text = word.lstrip("-").replace("-", "_").partition("=")
            extra[name] = typed(text) if equals else True
        elif name and extra[name] is True and not word.startswith("--"):
            extra[name] = typed(word)
        else:
            wrong.append(word)
    return extra, wrong


def _refuse(left: Sequence[str], parser: ArgumentParser) -> None:
    """End with a line on the first of the words that nothing takes, if there are any."""
    unknown = next((word for word in left if word.startswith("-")), None)
    if unknown is not None:
        parser.error(f"{unknown}: no such flag{did_you_mean(unknown, _known())}")
    if left:
        parser.error(f"{left[0]}: not a flag, and no flag takes it")


def _known() -> list[str]:
    return [f"--{flag.name}" for flag in flags()]


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
