"""Parsing of the launch flags, and small functions that users' scripts call."""

import json
import os
import sys
from argparse import SUPPRESS, ArgumentError, ArgumentParser, Namespace
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, NoReturn, TypeVar

from decentralizepy.config.flags import (
    Flag,
    defaults as flag_defaults,
    flags,
    run_problems,
    run_values,
)
from decentralizepy.config.ini import typed
from decentralizepy.config.places import shipped
from decentralizepy.errors import ConfigError, did_you_mean, nearest
from decentralizepy.files import write_atomic

T = TypeVar("T")


def conditional_value(var: Any, nul: Any, default: Any) -> Any:
    """Return ``var``, or ``default`` if ``var`` equals ``nul``."""
    return default if var == nul else var


def remove_keys(d: Mapping[str, T], keys_to_remove: Iterable[str]) -> dict[str, T]:
    """Return a copy of ``d`` without ``keys_to_remove``."""
    removed = set(keys_to_remove)
    return {key: value for key, value in d.items() if key not in removed}


def identity(obj: T) -> T:
    """Return ``obj``."""
    return obj


def write_args(args: Namespace, path: str | os.PathLike[str]) -> None:
    """Write all arguments to ``args.json`` in the folder ``path``, atomically."""
    text = json.dumps(vars(args), default=str, indent=1)
    write_atomic(os.path.join(path, "args.json"), text)


class _Parser(ArgumentParser):
    """A parser that reports errors in one line."""

    def error(self, message: str) -> NoReturn:
        print(message, file=sys.stderr)
        raise SystemExit(ConfigError.exit_status) from ConfigError(message)


def make_parser(
    without: Collection[str] = (), hidden: Collection[str] = ()
) -> ArgumentParser:
    """Return the parser of the launch flags and ``--set``.

    Commands may add their own flags, also in the place of those, by long name, that they
    go ``without``. The help leaves out those that are ``hidden``. Its results only contain
    flags that are given.
    """
    parser = _Parser(exit_on_error=False)
    for flag in flags():
        if flag.name in without:
            continue
        names = filter(None, (flag.short, f"--{flag.name}"))
        shown = {"help": SUPPRESS} if flag.name in hidden else {}
        parser.add_argument(*names, default=SUPPRESS, **(_form(flag) | shown))
    parser.add_argument(
        "--set",
        action="append",
        default=SUPPRESS,
        metavar="SECTION.KEY=VALUE",
        help="set a key of the INI file; may be repeated",
    )
    return parser


def _form(flag: Flag) -> dict[str, Any]:
    """Return the arguments with which a flag is added to an argparse parser."""
    if flag.default is False:
        return {"action": "store_true", "help": flag.help}
    return {
        "type": flag.reading,
        "nargs": "+" if isinstance(flag.default, list) else None,
        "metavar": flag.name.upper(),
        "help": flag.help
        + (f" (default: {flag.default})" if flag.default != "" else ""),
    }


def get_args(
    argv: Sequence[str] | None = None,
    defaults: Mapping[str, Any] | None = None,
    parser: ArgumentParser | None = None,
) -> Namespace:
    """Return the launch flags.

    An unknown flag that resembles none of them may belong to a user's driver: it becomes
    an attribute, with a warning.

    Parameters
    ----------
    argv
        The command-line arguments; those of this process by default.
    defaults
        The section RUN of the INI file: long names of flags and their values, for flags
        that are not given.
    parser
        The result of :func:`make_parser`, with a command's own flags added.

    Raises
    ------
    ConfigError
        If ``defaults`` has unknown names or invalid values, with one line for each.
    SystemExit
        With status 2 and a line on stderr, if a flag is invalid.
    """
    parser = parser or make_parser()
    chosen, left = parsed(argv, parser)
    extra, wrong = _extra(left)
    _refuse(wrong, parser)
    if extra:
        names = ", ".join(f"--{name}" for name in extra)
        print(f"warning: {names}: not a launch flag; passed on", file=sys.stderr)
    return merged(defaults or {}, {**extra, **chosen})


def given(
    argv: Sequence[str] | None = None, parser: ArgumentParser | None = None
) -> dict[str, Any]:
    """Return the flags given on the command line, by long name.

    Arguments as for :func:`get_args`; flags that a command added to ``parser`` are
    included.
    """
    parser = parser or make_parser()
    chosen, left = parsed(argv, parser)
    _refuse(left, parser)
    return chosen


def parsed(
    argv: Sequence[str] | None, parser: ArgumentParser | None = None
) -> tuple[dict[str, Any], list[str]]:
    """Return the flags that a parser knows, and the remaining arguments."""
    parser = parser or make_parser()
    words = map(_spelt, _words() if argv is None else argv)
    try:
        args, left = parser.parse_known_args([*words])
    except ArgumentError as error:
        parser.error(f"{error.argument_name}: {error.message}")
    return vars(args), left


def file_first(argv: Sequence[str]) -> list[str]:
    """Return arguments, the first of which may be an INI file, as flags.

    A name such as ``digits`` stands for an example that is installed with the package.
    """
    if argv and not argv[0].startswith("-"):
        return ["--config_file", shipped(argv[0]), *argv[1:]]
    return [*argv]


def in_notebook() -> bool:
    """Return whether this process is a kernel of Jupyter's, Colab's or VS Code's."""
    return os.path.basename(sys.argv[0]).endswith("kernel_launcher.py")


def _words() -> list[str]:
    """Return the command-line arguments; none in a notebook, where they are Jupyter's."""
    return [] if in_notebook() else sys.argv[1:]


def _spelt(word: str) -> str:
    """Return ``--machine-id`` as ``--machine_id``, and likewise for the other flags."""
    name, equals, value = word.partition("=")
    joined = f"--{name[2:].replace('-', '_')}"
    return f"{joined}{equals}{value}" if joined[2:] in _names() else word


def _extra(left: Sequence[str]) -> tuple[dict[str, Any], list[str]]:
    """Return unknown flags by name, and the arguments that are not flags.

    A flag without a value is True.
    """
    extra: dict[str, Any] = {}
    wrong: list[str] = []
    name = ""
    for word in left:
        if word.startswith("--") and not nearest(word[2:], _names()):
            name, equals, text = word.lstrip("-").replace("-", "_").partition("=")
            extra[name] = typed(text) if equals else True
        elif name and extra[name] is True and not word.startswith("--"):
            extra[name] = typed(word)
        else:
            wrong.append(word)
    return extra, wrong


def _refuse(left: Sequence[str], parser: ArgumentParser) -> None:
    """Exit with an error about the first leftover argument, if there is one."""
    unknown = next((word for word in left if word.startswith("-")), None)
    if unknown is not None:
        hint = did_you_mean(unknown.lstrip("-"), _names(), "--{}")
        parser.error(f"{unknown}: no such flag{hint}")
    if left:
        parser.error(f"{left[0]}: not a flag, and no flag takes it")


def _names() -> list[str]:
    return [flag.name for flag in flags()]


def merged(section: Mapping[str, Any], chosen: Mapping[str, Any]) -> Namespace:
    """Return all flags: ``chosen`` ones, else those of section RUN, else the defaults.

    Errors as for :func:`get_args`.
    """
    values = {"set": [], **flag_defaults(), **chosen}
    place = {"file": values["config_file"], "section": "RUN"}
    problems = [problem.within(**place) for problem in run_problems(section)]
    if problems:
        raise ConfigError(problems=problems)
    args = Namespace(**{**values, **run_values(section), **chosen})
    if args.pdb:
        args.engine = "debug"  # a process has no terminal
    return args
