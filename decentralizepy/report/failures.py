"""What went wrong in a run, from its manifests, logs and results."""

from __future__ import annotations

import json
import re
from collections.abc import Container, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from decentralizepy.results.methods import POINT
from decentralizepy.results.read import Run

_ERROR = re.compile(r"^\[[^\]]*\]\[\w+\]\[(ERROR|CRITICAL)\]|^Fatal Python error", re.M)
_ENTRY = re.compile(r"^\[[^\]]*\]\[\w+\]\[[A-Z]+\]", re.M)
LINES = 40  # of an entry in a log
SHOWN = 20  # nodes of a run
TAIL = 1 << 18  # bytes of a log that are read


class Problem(NamedTuple):
    """Something that went wrong: where, in one line what, and the log's own words."""

    place: str
    cause: str
    text: str = ""

    def of(self, run: str) -> Problem:
        """Return the same problem, at a place in a run."""
        return self._replace(place=f"{run} · {self.place}")


def problems(
    run: Run, manifests: Mapping[str, Mapping[str, Any]], folders: Mapping[str, Path]
) -> list[Problem]:
    """Return what went wrong in a run.

    Parameters
    ----------
    run
    manifests, folders
        Of each machine, by its name in the run; a manifest is empty if there is none.
    """
    found = [*_outcomes(manifests, folders), *_early(run, manifests), *_lost(run)]
    errors = [each for folder in folders.values() for each in _logged(folder)]
    more = len(errors) - SHOWN
    if more > 0:
        errors = [*errors[:SHOWN], Problem("logs", f"{more} more logs hold errors")]
    return [*found, *errors]


def _outcomes(
    manifests: Mapping[str, Mapping[str, Any]], folders: Mapping[str, Path]
) -> Iterator[Problem]:
    for machine, manifest in manifests.items():
        if not manifest:
            continue
        place = f"machine {manifest['flags'].get('machine_id', machine)}"
        if not manifest.get("ended"):
            locked = (folders[machine] / ".lock").exists()
            why = "is still running, or was killed" if locked else "has not ended"
            yield Problem(place, f"the run {why}: there is no end in its manifest")
        elif manifest.get("outcome") != "done":
            yield Problem(place, str(manifest.get("outcome")))


def _early(run: Run, manifests: Mapping[str, Mapping[str, Any]]) -> Iterator[Problem]:
    """Yield the nodes whose results end before the last round."""
    wanted = [m["flags"]["iterations"] for m in manifests.values() if m]
    ends = {
        node: max((max(of, default=0) for of in table.values()), default=0)
        for node, table in run.nodes.items()
    }
    if run.served or not ends:  # its clients take part in some rounds only
        return
    last = max([*wanted, *ends.values()])
    early: dict[int, list[str]] = {}
    for node, end in ends.items():
        if end < last:
            early.setdefault(end, []).append(node)
    for end, nodes in sorted(early.items()):
        named = ", ".join(nodes[:SHOWN]) + ", ..." * (len(nodes) > SHOWN)
        yield Problem("results", f"end after round {end} of {last}: node {named}")


def _lost(run: Run) -> Iterator[Problem]:
    rejected = {
        node: max(table["rejected"].values())
        for node, table in run.nodes.items()
        if table.get("rejected")
    }
    for node, count in [*rejected.items()][:SHOWN]:
        cause = f"dropped {count:.0f} messages that were invalid"
        yield Problem(f"node {node}", cause)


def _logged(folder: Path) -> Iterator[Problem]:
    """Yield the last error in each log of a folder."""
    for path in sorted(folder.glob("*.log"), key=lambda each: (len(each.name), each)):
        try:
            with path.open("rb") as file:
                file.seek(max(0, path.stat().st_size - TAIL))
                text = file.read().decode(errors="replace")
        except OSError:
            continue
        places = [match.start() for match in _ERROR.finditer(text)]
        if places:
            entry = text[places[-1] :]
            after = _ENTRY.search(entry, 1)
            lines = entry[: after.start() if after else None].strip().splitlines()
            head = _ENTRY.sub("", lines[0]).strip(" :")
            last = lines[-1] if len(lines) > 1 else head
            yield Problem(f"{folder.name}/{path.name}", last, "\n".join(lines[:LINES]))


def of_points(folders: Iterable[Path], names: Container[str]) -> Iterator[Problem]:
    """Yield the points of sweeps that failed, with the end of what they printed.

    ``names`` are those of all runs that have results.
    """
    paths = [path for sweep in folders for path in sorted(sweep.glob(f"*/{POINT}"))]
    for path in paths:
        try:
            point = json.loads(path.read_text(encoding="utf-8"))
            status, code = point["status"], point["exit_status"]
        except (OSError, ValueError, KeyError, TypeError) as error:
            yield Problem(path.parent.name, f"{POINT} is damaged: {error}")
            continue
        if status == "done":
            continue
        cause = f"failed with exit status {code}" if code else "has not ended"
        if path.parent.name not in names:
            cause += "; there are no results"
        yield Problem(path.parent.name, cause, _end(path.parent / "output.txt"))


def _end(path: Path) -> str:
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    return "\n".join(text.strip().splitlines()[-LINES:])
