"""What became of a point of a sweep, in a file in its folder."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from decentralizepy.errors import ConfigError
from decentralizepy.files import write_atomic
from decentralizepy.runs import inputs
from decentralizepy.runs.experiment import Experiment

FILE, ORDER = "point.json", "sweep.json"
# what does not change the numbers of a run, or is the sweep's own
_APART = {"log_dir", "weights_store_dir", "set", "config_file", "resume", "overwrite"}
_APART |= {"force", "pdb", "max_restarts"}
_UNREAD = {"DATASET", "COMMUNICATION"}  # sections of too large files, and of addresses


@dataclass(frozen=True)
class Record:
    """What a point's file says.

    Attributes
    ----------
    settings : list of str
        ``SECTION.key=value``, in the order of the sweep.
    digest : str
        Of the resolved configuration: the INI file, ``--set``, the flags, the graph, and
        other files that the INI file names.
    group : str
        The name of the point without its seed.
    seed : int or None
    status : str
        ``started``, ``done`` or ``failed``.
    exit_status : int
        Of the run; 0 until it has ended.
    seconds : float
        How long it took, without what an earlier sweep spent on it.
    """

    settings: list[str]
    digest: str
    group: str = ""
    seed: int | None = None
    status: str = "started"
    exit_status: int = 0
    seconds: float = 0.0

    def write(self, folder: Path) -> None:
        """Write the file, whole or not at all."""
        write_atomic(folder / FILE, json.dumps(asdict(self), indent=1))


def read(folder: Path) -> Record | None:
    """Return the record in a point's folder, or None if there is none.

    Raises
    ------
    ConfigError
        If the file holds something else.
    """
    try:
        return Record(**json.loads((folder / FILE).read_text(encoding="utf-8")))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError) as error:
        cause = (
            f"{folder / FILE}: damaged ({error}); remove the folder to redo the point"
        )
        raise ConfigError(cause) from None


def note_order(out: Path, names: Iterable[str]) -> None:
    """Write the names of a sweep's points, in their order, for those who compare them."""
    out.mkdir(parents=True, exist_ok=True)
    write_atomic(out / ORDER, json.dumps({"points": [*names]}, indent=1))


def order(out: Path) -> list[str]:
    """Return the names that :func:`note_order` wrote."""
    text = (out / ORDER).read_text(encoding="utf-8")
    return list(json.loads(text)["points"])


def digest(experiment: Experiment) -> str:
    """Return a digest of what an experiment resolved to, and of the files that it reads.

    The data sets are left out, as they are large.
    """
    args: dict[str, Any] = {
        key: value for key, value in vars(experiment.args).items() if key not in _APART
    }
    graph = args.pop("graph_file", None)
    edges = Path(graph).read_text(encoding="utf-8") if graph else ""
    config = {key: value for key, value in experiment.config.items() if key != "RUN"}
    parts = [config, args, edges, *_contents(config)]
    text = json.dumps(parts, default=str, sort_keys=True)
    return sha256(text.encode()).hexdigest()


def _contents(config: Mapping[str, Any]) -> list[dict[str, str]]:
    """Return digests of the traces, graphs and other files that an INI file names."""
    from decentralizepy.runs import provenance  # imports torch, as the checks have

    read = {name: config[name] for name in config.keys() - _UNREAD}
    found = provenance.files([*inputs.named(read), *inputs.graphs(read)])
    return [found] if found else []
