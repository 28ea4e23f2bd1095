"""What is told of a node that failed: its status, and the place of a bug in a plug-in."""

import bdb
import logging
import signal
import sysconfig
import traceback
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from decentralizepy.errors import ConfigError, NodeFailed, PeerError, PeerLost
from decentralizepy.runs.signals import Stopped
from decentralizepy.runs.spec import NodeSpec

PACKAGE = Path(__file__).resolve().parent.parent
STANDARD_LIBRARY = Path(sysconfig.get_path("stdlib")).resolve()
INSTALLED = {"site-packages", "dist-packages"}
LOG_LINES = 12
_NO_BUGS = (ConfigError.exit_status, PeerError.exit_status)
_CRASH = "Fatal Python error"  # how the output of faulthandler begins


class Failed(NamedTuple):
    """A node that failed.

    ``status`` is that of its process, or minus the number of the signal that killed it;
    ``report`` is what a user sees of a bug in a plug-in, or of an error that is no bug;
    ``why`` explains the status.
    """

    spec: NodeSpec
    status: int
    report: str = ""
    why: str = ""

    @property
    def is_bug(self) -> bool:
        """Whether ``report`` tells of a bug in a plug-in."""
        return bool(self.report) and self.status not in _NO_BUGS

    def as_error(self) -> NodeFailed:
        """Return the error that ends the run."""
        spec, code = self.spec, self.status
        cause, report = f"{spec} {_cause(code)}{self.why}", self.report
        if report and not self.is_bug:
            cause, report = f"{cause}: {report}", ""
        error = NodeFailed(cause, spec.log, tail(spec.log), report)
        error.exit_status = code if code in (2, 3) else 1
        return error


def judge(error: BaseException, spec: NodeSpec) -> Failed:
    """Log the error that ended a node, and return what it means for the run."""
    if isinstance(error, SystemExit):
        code = error.code
        return Failed(spec, code if isinstance(code, int) else int(code is not None))
    if isinstance(error, Stopped):
        return Failed(spec, error.exit_status)
    if isinstance(error, NodeFailed) and error.is_whole:  # of a node in a worker
        return Failed(spec, error.exit_status, str(error))
    if isinstance(error, (ConfigError, PeerError, NodeFailed)):
        logging.error("%s: %s", type(error).__name__, error)
        logging.debug("traceback", exc_info=error)
        known = error.exit_status in _NO_BUGS
        told = f"{error}{_elsewhere(error, spec)}" if known else ""
        return Failed(spec, error.exit_status, told)
    logging.error("this node failed", exc_info=error)
    number = round_of(error)
    when = "before its first round" if number is None else f"in round {number}"
    text = f"{describe(error)}{spec} failed {when}; its log: {spec.log}"
    if isinstance(error, bdb.BdbQuit):
        text += (
            "\nbreakpoint() needs --engine debug, which runs all nodes in one process"
        )
    return Failed(spec, 1, text)


def _elsewhere(error: BaseException, spec: NodeSpec) -> str:
    """Return in words on which other machines lost peers were, if they were elsewhere."""
    if not isinstance(error, PeerLost):
        return ""
    mapping = spec.args[2]
    machines = {mapping.get_machine_and_rank(uid)[1] for uid in error.uids}
    named = ", ".join(map(str, sorted(machines - {spec.machine_id})))
    return f"; on machine {named}" if named else ""


def describe(error: BaseException) -> str:
    """Return the file and line of ``error``, its message and its traceback.

    The line is the innermost one outside of this package and installed libraries, or the
    innermost of all if there is none.
    """
    frames = traceback.extract_tb(error.__traceback__)
    files = [frame for frame in frames if not frame.filename.startswith("<")]
    own = [frame for frame in files if is_users(frame.filename)]
    last = (own or files)[-1]
    place = f"{last.filename}:{last.lineno}: in {last.name}"
    if isinstance(error, SyntaxError) and error.filename:  # no frame has got there
        place = f"{error.filename}:{error.lineno}"
    text = traceback.format_exception_only(error)[-1].strip()
    stack = "".join(traceback.format_exception(error))
    return f"{place}: {text}\n{stack}"


def is_users(filename: str) -> bool:
    """Return whether a file is the user's own code."""
    path = Path(filename).resolve()
    ours = any(folder in path.parents for folder in (PACKAGE, STANDARD_LIBRARY))
    return not ours and not INSTALLED.intersection(path.parts)


def round_of(error: BaseException) -> int | None:
    """Return the round, from 1, that the node was in; None if it had not started any."""
    for frame, _ in traceback.walk_tb(error.__traceback__):  # the outermost first
        node = frame.f_locals.get("self")
        number = getattr(node, "__dict__", {}).get("iteration")
        if type(number) is int:
            return number + 1
    return None


def _cause(code: int) -> str:
    if code >= 0:
        return f"ended with exit status {code}"
    with suppress(ValueError):
        return f"was killed by {signal.Signals(-code).name}"
    return f"was killed by signal {-code}"


def tail(log: Path, lines: int = LOG_LINES) -> str:
    """Return the last lines of a log file, or the first ones of a crash, indented."""
    try:
        text = log.read_text(encoding="utf-8", errors="replace")
    except OSError:
        text = "(no log)"
    told = text.splitlines()[-lines:]
    if _CRASH in text:
        told = text[text.rindex(_CRASH) :].splitlines()[:lines]
    return "\n".join(f"    {line}" for line in told)
