"""Description of a bug in a plug-in for the screen: file, line and traceback."""

import sysconfig
import traceback
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent.parent
STANDARD_LIBRARY = Path(sysconfig.get_path("stdlib")).resolve()
INSTALLED = {"site-packages", "dist-packages"}


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
