"""``decentralizepy completion``: complete commands, flags and settings in a shell."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path

from decentralizepy import factory
from decentralizepy.commands.parsers import Parser
from decentralizepy.config import flags, ini, places
from decentralizepy.config.text import SECTIONS
from decentralizepy.errors import ConfigError, DecentralizepyError

SCRIPTS = {
    "bash": """\
_decentralizepy() {
    local IFS=$'\\n'
    COMPREPLY=($(decentralizepy completion -- "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null))
    if [[ ${COMPREPLY[0]} == *[=/.] ]]; then compopt -o nospace; fi
}
complete -o default -F _decentralizepy decentralizepy
""",
    "zsh": """\
_decentralizepy() {
    local found=("${(@f)$(decentralizepy completion -- "${words[@]:1:$((CURRENT-1))}" 2>/dev/null)}")
    compadd -S '' -a found
    _files
}
compdef _decentralizepy decentralizepy
""",
    "fish": """\
complete -c decentralizepy -a '(decentralizepy completion -- \\
    (commandline -opc)[2..] (commandline -ct) 2>/dev/null)'
""",
}


def main(argv: Sequence[str]) -> int:
    """Print a script for a shell; or, after ``--``, what may stand for the last word.

    Returns
    -------
    int
        The exit status: 0, or 2 after one line on standard error.
    """
    try:
        if argv[:1] == ["--"]:
            print("\n".join(candidates(argv[1:])))
            return 0
        print(SCRIPTS[parser().parse_args(argv).shell], end="")
    except ConfigError as error:
        print(f"completion: {error}", file=sys.stderr)
        return error.exit_status
    return 0


def parser() -> Parser:
    """Return the parser of this command."""
    parser = Parser(
        "completion",
        "Print a script with which a shell completes commands, flags, INI files and keys of "
        "--set.",
        'completion bash    # in ~/.bashrc: eval "$(decentralizepy completion bash)"',
    )
    parser.add_argument("shell", choices=SCRIPTS, help="your shell")
    return parser


def candidates(words: Sequence[str]) -> list[str]:
    """Return what may stand for the last of ``words``, which may be empty or half a word."""
    from decentralizepy.cli import COMMANDS

    *before, word = words or [""]
    if not before:
        return _starting(word, COMMANDS)
    if before[-1] == "--set":
        return _starting(word, settings(before, word))
    if word.startswith("-"):
        return _starting(word, flags_of(before[0]))
    return _starting(
        word, [*files(word), *(places.examples() if len(before) == 1 else [])]
    )


def flags_of(command: str) -> list[str]:
    """Return the long flags of a command."""
    module = "run" if command == "submit" else command
    try:
        parser = factory.load(f"decentralizepy.commands.{module}", "parser")()
    except DecentralizepyError:
        return []
    return sorted(each for each in parser._option_string_actions if each[:2] == "--")


def settings(before: Iterable[str], word: str) -> list[str]:
    """Return ``SECTION.``, or ``SECTION.key=`` of the INI file among the words before."""
    config: dict[str, ini.Section] = {"RUN": dict.fromkeys(flags.defaults(), "")}
    for path in before:
        with suppress(DecentralizepyError):
            found = places.shipped(path)
            config |= ini.read(found) if found.endswith(".ini") else {}
    section, dot, _ = word.partition(".")
    if not dot:
        return [f"{name}." for name in dict.fromkeys([*config, *SECTIONS])]
    return [f"{section}.{key}=" for key in config.get(section, {})]


def files(word: str) -> list[str]:
    """Return INI files, and folders that may have some."""
    folder = Path(os.path.dirname(word) or ".")
    with suppress(OSError):
        paths = sorted(folder.iterdir())
        found = [path for path in paths if path.suffix == ".ini" or path.is_dir()]
        return [f"{path}/" if path.is_dir() else str(path) for path in found]
    return []


def _starting(word: str, names: Iterable[str]) -> list[str]:
    return [name for name in names if name.startswith(word)]
