"""What ``--set`` and flags change of an INI file, told back to the user."""

import sys
from argparse import Namespace
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from inspect import Parameter
from typing import Any, NamedTuple

from decentralizepy.config import flags
from decentralizepy.config.assignments import Assignment, completed, parsed
from decentralizepy.config.checks import Parts
from decentralizepy.config.ini import Section
from decentralizepy.config.signatures import Options
from decentralizepy.config.text import KINDS
from decentralizepy.errors import Absent, shown


class Told(NamedTuple):
    """What an assignment did; ``in_vain`` if it did nothing."""

    text: str
    in_vain: bool


@dataclass(frozen=True)
class Settings:
    """What an INI file says, and what was given besides it.

    Attributes
    ----------
    written : dict of dict
        The sections of the INI file, without ``--set``.
    chosen : dict
        The flags on the command line, by long name.
    """

    written: Mapping[str, Section]
    chosen: Mapping[str, Any]

    @property
    def texts(self) -> list[str]:
        """The assignments as typed, ``SECTION.key=value``."""
        return list(self.chosen.get("set", ()))

    def tell(self, parts: Parts, args: Namespace) -> None:
        """Print what each assignment did; those in vain as warnings on stderr."""
        for text, in_vain in self.told(parts, args):
            print(text, file=sys.stderr if in_vain else sys.stdout)

    def told(self, parts: Parts, args: Namespace) -> Iterator[Told]:
        """Yield what each assignment did.

        Parameters
        ----------
        parts
            The resolved classes, whose defaults count as values.
        args
            The resolved flags, which win over section RUN.
        """
        given = [parsed(text) for text in self.texts]
        for number, each in enumerate(completed(self.written, given)):
            later = [other for other in given[number + 1 :] if other[:2] == each[:2]]
            reason = f"overridden by --set {later[-1]}" if later else ""
            reason = reason or self._vain(each, parts, args)
            if reason:
                yield Told(f"warning: --set {each}: {reason}", True)
            else:
                before = self.written.get(each.section, {}).get(each.key, Absent)
                was = "not in" if before is Absent else f"instead of {shown(before)} in"
                value = shown(each.value)
                text = f"[{each.section}] {each.key} = {value} ({was} the file)"
                yield Told(text, False)

    def _vain(self, each: Assignment, parts: Parts, args: Namespace) -> str:
        """Return why an assignment has no effect; "" if it has one."""
        if each.section == "RUN":
            value = flags.run_values({each.key: each.value}).get(each.key, each.value)
            if getattr(args, each.key, value) != value:
                name = shown(getattr(args, each.key))
                return f"overridden by the flag --{each.key} {name}"
        written = self.written.get(each.section, {})
        if each.key in written:
            same = written[each.key] == each.value
            return "changes nothing: the file has this value" if same else ""
        default = default_of(each.section, each.key, parts)
        same = default is not Absent and bool(default == each.value)
        return "changes nothing: this is the default" if same else ""


def default_of(section: str, key: str, parts: Parts) -> Any:
    """Return the default of a class's option or a flag; ``Absent`` if it has none."""
    if section == "RUN":
        return flags.defaults().get(key, Absent)
    if section not in parts.sections:
        return Absent
    passed = len(KINDS[section].arguments.split())
    option = Options.of(parts[section].cls, passed).known.get(key)
    if option is None or option.default is Parameter.empty:
        return Absent
    return option.default
