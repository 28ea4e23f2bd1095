"""The parsers of the commands: one-line errors, and examples in the help."""

import textwrap
from argparse import ArgumentParser, Namespace, RawDescriptionHelpFormatter
from collections.abc import Collection, Sequence
from typing import Any, NoReturn

from decentralizepy import utils
from decentralizepy.errors import ConfigError, did_you_mean

WIDTH = 80


class Parser(ArgumentParser):
    """A parser whose errors are one line.

    Parameters
    ----------
    name : str
        The command, or with ``script`` the whole program.
    about : str
    *examples : str
        Command lines, without the name of the program.
    """

    def __init__(self, name: str = "", about: str = "", *examples: str, **more: Any):
        lines = [f"  decentralizepy {each}" for each in examples]
        told = ["examples:" if len(lines) > 1 else "example:", *lines] if lines else []
        more.setdefault("prog", f"decentralizepy {name}")
        super().__init__(
            description=textwrap.fill(about, WIDTH),
            epilog="\n".join(told),
            formatter_class=RawDescriptionHelpFormatter,
            **more,
        )

    def error(self, message: str) -> NoReturn:
        """Raise a ConfigError."""
        raise ConfigError(message)

    def parse_args(  # type: ignore[override]
        self, args: Sequence[str] | None = None, namespace: Namespace | None = None
    ) -> Namespace:
        """Return the arguments, or raise a ConfigError with the nearest flag."""
        found, left = self.parse_known_args(args, namespace)
        if left:
            hint = did_you_mean(left[0], self._option_string_actions)
            raise ConfigError(f"{left[0]}: no such flag{hint}")
        return found


def with_run_flags(
    name: str,
    usage: str,
    about: str,
    without: Collection[str] = (),
    hidden: Collection[str] = (),
) -> ArgumentParser:
    """Return the parser of a command that takes the flags of ``decentralizepy run``.

    ``about`` is printed as it is; commands may add their own flags, also in the place of
    those that they go ``without``. The help leaves out flags that are ``hidden``.
    """
    parser = utils.make_parser(without, hidden)
    parser.prog = f"decentralizepy {name}"
    parser.usage = f"decentralizepy {name} {usage}"
    parser.description = about
    parser.formatter_class = RawDescriptionHelpFormatter
    return parser
