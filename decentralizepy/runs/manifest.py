"""The record of a run in its log folder, from which it can be run again."""

import json
import os
import shlex
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timezone
from itertools import chain
from pathlib import Path
from typing import Any

import xxhash

import decentralizepy
from decentralizepy.config.signatures import Options
from decentralizepy.config.text import KINDS
from decentralizepy.errors import ConfigError
from decentralizepy.files import write_atomic
from decentralizepy.results.lines import SHARED, in_columns, read_all
from decentralizepy.results.manifests import FILE
from decentralizepy.results.write import REPEATED
from decentralizepy.runs import fingerprint, inputs, provenance
from decentralizepy.runs.experiment import Experiment

SEEDS = ("seed", "random_seed")
EARLIER = ("command", "started", "ended", "outcome")


@contextmanager
def kept(experiment: Experiment) -> Iterator[dict[str, Any]]:
    """Write the manifest of a run at its start, and how it ended at its end.

    Enter this when the data set is loaded, so that its digests are known. Yields the
    content, in which ``outcome`` is to be set; an exception sets it by itself.
    """
    log_dir = Path(experiment.args.log_dir)
    content = begun(experiment)
    _write(log_dir, content)
    try:
        yield content
    except BaseException as error:
        content["outcome"] = (str(error).splitlines() or [type(error).__name__])[0]
        raise
    else:
        content |= produced(experiment)
    finally:
        content["ended"] = now()
        _write(log_dir, content)


def begun(experiment: Experiment) -> dict[str, Any]:
    """Return what is known of a run when it starts."""
    args, log_dir = experiment.args, Path(experiment.args.log_dir)
    package = Path(decentralizepy.__path__[0])
    plugins = fingerprint.sources(fingerprint.classes(experiment)).values()
    return {
        "command": shlex.join(sys.argv),
        "folder": os.getcwd(),
        "started": now(),
        "ended": None,
        "outcome": None,
        "earlier": _earlier(log_dir) if experiment.args.resume else [],
        "configuration": configuration(experiment),
        "flags": {key: value for key, value in vars(args).items() if key != "set"},
        "set": list(args.set),
        "nodes": experiment.graph.n_procs,
        "uids": {
            rank: experiment.mapping.get_uid(rank, args.machine_id)
            for rank in experiment.ranks
        },
        "seeds": seeds(experiment),
        "code": {
            "decentralizepy": {"folder": str(package), **provenance.commit(package)},
            "plug-ins": {
                str(path): {"sha256": provenance.of_path(path)}
                | provenance.commit(path)
                for path in plugins
            },
        },
        "digests": {key: str(n) for key, n in experiment.fingerprint.items()},
        "files": provenance.files(_read(experiment)),
        "machine": provenance.machine(),
        "packages": provenance.packages(),
    }


def produced(experiment: Experiment) -> dict[str, Any]:
    """Return digests of what a run has produced, by file."""
    args = experiment.args
    log_dir, folder = Path(args.log_dir), Path(args.weights_store_dir)
    places = [experiment.mapping.get_uid(r, args.machine_id) for r in experiment.ranks]
    last = experiment.rounds_done - 1
    names = [f"{last}_weight_{uid}.pt" for uid in places]
    names.append(f"{last}_weights.npy")  # of all, if there are many
    weights = [folder / name for name in names if (folder / name).exists()]
    rows = read_all(log_dir)
    named = {f"{r}_results.jsonl": rows[r] for r in experiment.ranks if r in rows}
    if in_columns(log_dir):
        named = {SHARED: [*chain.from_iterable(rows[r] for r in sorted(rows))]}
    return {
        "weights": {path.name: provenance.of_path(path) for path in weights},
        "results": {name: of_results(named[name]) for name in named},
    }


def of_results(rows: Iterable[Mapping[str, Any]]) -> str:
    """Return a digest of a node's rows, without what depends on time."""
    digest = xxhash.xxh3_128()
    for row in rows:
        same = {name: row[name] for name in ("round", *REPEATED) if name in row}
        digest.update(json.dumps(same, sort_keys=True).encode())
    return digest.hexdigest()


def read(log_dir: Path) -> dict[str, Any]:
    """Return the manifest in a log folder.

    Raises
    ------
    ConfigError
        If there is none, or it is damaged.
    """
    path = log_dir / FILE
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        content["flags"]["iterations"], content["started"]
    except FileNotFoundError:
        hint = "" if log_dir.is_dir() else " (there is no such folder)"
        raise ConfigError(f"{path}: no such file{hint}; not a log folder") from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ConfigError(f"{path}: damaged: {error}") from None
    return content


def configuration(experiment: Experiment) -> dict[str, Any]:
    """Return every section with all its options, those that have their default too."""
    found: dict[str, Any] = {}
    for name, section in experiment.config.items():
        defaults: dict[str, Any] = {}
        if part := experiment.parts.sections.get(name):
            passed = len(KINDS[name].arguments.split())
            known = Options.of(part.cls, passed).known.values()
            defaults = {
                each.name: each.default
                for each in known
                if each.default is not each.empty
            }
        found[name] = {**defaults, **section}
    return found


def seeds(experiment: Experiment) -> dict[str, Any]:
    """Return the seeds in the configuration, as ``SECTION.key``."""
    return {
        f"{section}.{key}": value
        for section, options in configuration(experiment).items()
        for key, value in options.items()
        if key in SEEDS
    }


def now() -> str:
    """Return the time in UTC, to the second."""
    return datetime.now(timezone.utc).isoformat(timespec="seconds")


def _read(experiment: Experiment) -> list[Path]:
    """Return the files and folders that a run reads."""
    _, options = experiment.parts["DATASET"]
    folders = [options.get(key) for key in ("train_dir", "test_dir")]
    named = [Path(str(each)) for each in folders if each]
    read = inputs.files(experiment.args, experiment.config)
    read += inputs.graphs(experiment.config)
    return list(dict.fromkeys([*read, *named]))


def _earlier(log_dir: Path) -> list[dict[str, Any]]:
    """Return when and how the runs that this one resumes have ended."""
    try:
        before = read(log_dir)
    except ConfigError:
        return []
    return [*before.get("earlier", []), {key: before.get(key) for key in EARLIER}]


def _write(log_dir: Path, content: Mapping[str, Any]) -> None:
    """Write the manifest; the results are valid without it."""
    try:
        write_atomic(log_dir / FILE, json.dumps(content, indent=1, default=str))
    except OSError as error:
        print(f"warning: {log_dir / FILE}: {error.strerror}", file=sys.stderr)
