"""``decentralizepy data``: list, download, prepare, verify and describe data sets."""

from __future__ import annotations

import argparse
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from decentralizepy import factory
from decentralizepy.commands.parsers import Parser
from decentralizepy.datasets.generated import is_generated
from decentralizepy.datasets.sources.catalog import (
    CATALOG,
    Bundled,
    Entry,
    Instructions,
    find,
)
from decentralizepy.datasets.sources.download import (
    Release,
    Web,
    digest_of,
    fresh,
    gather,
    pick,
)
from decentralizepy.errors import ConfigError, DataError
from decentralizepy.monitor.units import byte_unit

if TYPE_CHECKING:
    from rich.table import Table

DIRECTORY = Path("./eval/data")


def main(argv: Sequence[str] | None = None) -> int:
    """Run ``decentralizepy data COMMAND ...``.

    Returns
    -------
    int
        The exit status: 0, or after a line on standard error: 1 for data that is
        unavailable or damaged, 2 for user errors, 130 for Ctrl-C.
    """
    sys.path.append(str(Path.cwd()))  # for user-defined classes, given by import path
    try:
        args = parser().parse_args(argv)
        status: int = args.command(args)
    except ConfigError as error:
        print(error, file=sys.stderr)
        return 1 if isinstance(error, DataError) else error.exit_status
    except OSError as error:
        told = f"{error.filename}: {error.strerror}" if error.filename else error
        print(told, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("stopped by Ctrl-C; incomplete files were removed", file=sys.stderr)
        return 128 + signal.SIGINT
    return status


def show(args: argparse.Namespace) -> int:
    """Print a table of the data sets."""
    from rich.console import Console

    Console().print(table())
    return 0


def table() -> Table:
    """Return a row for each known data set."""
    from rich.table import Table

    rows = Table("name\nclass", "samples\nclasses", "source\ndownload", show_lines=True)
    rows.add_column("license")
    rows.add_column("stand-in", no_wrap=True)
    for column in rows.columns:
        column.overflow = "fold"
    for entry in CATALOG.values():
        rows.add_row(
            f"[bold]{entry.name}[/]\n{entry.dataset}",
            f"{entry.content}\n{entry.classes:,} classes",
            f"{entry.source}\n{_size(entry.size)}" if entry.size else f"{entry.source}",
            entry.license,
            "yes" if entry.stand_in else "no",
        )
    return rows


def download(args: argparse.Namespace) -> int:
    """Get data sets or their stand-ins, and print the INI options to use them."""
    for entry in [find(name) for name in args.names]:
        print(_get(entry, args))
    return 0


def prepare(args: argparse.Namespace) -> int:
    """Prepare the data as a run does before it starts."""
    from decentralizepy.commands.describe import read_config
    from decentralizepy.datasets.leaf.cache import CACHE

    dataset_class, options = factory.unpack(
        read_config(args.file)["DATASET"], "dataset"
    )
    start = time.perf_counter()
    dataset_class.prepare(**options)
    print(f"{dataset_class.__name__}: ready in {time.perf_counter() - start:.1f} s")
    for key in ("train_dir", "test_dir"):
        cache = Path(options.get(key) or "", CACHE)
        if options.get(key) and cache.is_dir():
            size = sum(path.stat().st_size for path in cache.rglob("*"))
            print(f"{cache}: {_size(size)}, kept for the next run")
    return 0


def verify(args: argparse.Namespace) -> int:
    """Check data sets on disk, and print one line per finding."""
    status = 0
    for entry in [find(name) for name in args.names]:
        for finding, is_right in findings(entry, args.dir):
            print(finding, file=sys.stdout if is_right else sys.stderr)
            status |= not is_right
    return status


def findings(entry: Entry, directory: Path) -> Iterator[tuple[str, bool]]:
    """Yield findings on a data set below ``directory``, and whether each is fine.

    Files with known checksums are compared, unless they are generated; for other data
    sets, their class reads every record, and reports problems.
    """
    target = directory / entry.folder
    if entry.folder and not target.exists():
        yield f"{target}: not found", False
    elif entry.digests and not _is_generated(entry, directory):
        for name, digest in entry.digests.items():
            yield _compared(target / name, digest)
    else:
        try:
            count, remarks = _read(entry, directory)
        except ConfigError as error:
            yield str(error), False
        else:
            place = target if entry.folder else entry.name
            yield f"{place}: {count:,} samples, all read", True
            yield from remarks


def describe(args: argparse.Namespace) -> int:
    """Print and draw which node has which data."""
    from decentralizepy.commands.describe import main as tell

    return tell(args.file, args.nodes, args.output)


def parser() -> Parser:
    """Return the parser of this command."""
    parser = Parser(
        "data",
        "List, download, prepare, verify and describe data sets.",
        "data list",
        "data download cifar10 --stand-in",
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def add(name: str, command: Any) -> argparse.ArgumentParser:
        text = command.__doc__.rstrip(".")
        sub = commands.add_parser(name, help=text, about=text + ".")
        sub.set_defaults(command=command)
        return sub

    add("list", show)
    for name, command in (("download", download), ("verify", verify)):
        sub = add(name, command)
        sub.add_argument(
            "names", metavar="NAME", nargs="*", default=["cifar10"], help="see list"
        )
        sub.add_argument(
            "--dir", type=Path, default=DIRECTORY, help="default: %(default)s"
        )
        if command is download:
            _add_download_flags(sub)
    sub = add("prepare", prepare)
    sub.add_argument("file", metavar="FILE.ini")
    sub = add("describe", describe)
    sub.add_argument("file", metavar="FILE.ini")
    sub.add_argument("--nodes", type=int, help="default: those of section RUN")
    sub.add_argument(
        "-o", "--output", type=Path, default=Path("labels.png"), help="the picture"
    )
    return parser


def _add_download_flags(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--stand-in", action="store_true", help="generate data in the same format")
    add("--seed", type=int, default=1, help="of the generated data (default: 1)")
    add(
        "--clients",
        type=int,
        default=8,
        help="amazon: files, one per node (default: 8)",
    )


def _get(entry: Entry, args: argparse.Namespace) -> str:
    """Get a data set and return a message; existing data is not replaced."""
    where = ", ".join(f"{k} = {v}" for k, v in entry.directories(args.dir).items())
    if args.stand_in:
        _generate(entry, args.dir, args.seed)
        return f"{entry.name} (generated): {where}"
    if isinstance(entry.source, Bundled):
        return f"{entry.name} {entry.source}: there is nothing to download"
    target = args.dir / entry.folder
    if target.exists() and _is_generated(entry, args.dir):
        raise DataError(f"{target}: contains generated data: remove or rename it first")
    if not target.exists():
        if isinstance(entry.source, Instructions):
            raise DataError(
                f"{entry.name} has no source to download from: see {entry.source.url}; "
                "--stand-in generates data"
            )
        options = {key: getattr(args, key) for key in entry.convert_options}
        _obtain(entry, entry.source, target, options)
    return f"{entry.name}: {where}"


def _is_generated(entry: Entry, directory: Path) -> bool:
    return any(map(is_generated, map(Path, entry.directories(directory).values())))


def _generate(entry: Entry, directory: Path, seed: int) -> None:
    if not entry.stand_in:
        others = ", ".join(each.name for each in CATALOG.values() if each.stand_in)
        raise ConfigError(f"{entry.name} has no stand-in; these have: {others}")
    package = f"decentralizepy.datasets.stand_in.{entry.name}"
    factory.load(package, "write")(directory / entry.stand_in, seed=seed)


def _obtain(
    entry: Entry, files: Web | Release, target: Path, options: dict[str, int]
) -> None:
    """Download one data set, and convert it if it has a different format."""
    if entry.terms:
        print(entry.terms)
    with fresh(target) as new:
        raw = new.with_name(".raw")
        raw.mkdir()
        gather(files, raw)
        found = pick(raw, *entry.pick)
        if entry.convert:
            factory.load(entry.convert, "write")(found[0], new, **options)
            return
        for path in found:
            path.rename(new / path.name)


def _read(entry: Entry, directory: Path) -> tuple[int, list[tuple[str, bool]]]:
    """Read all records of a data set; return their number and the class's remarks."""
    from decentralizepy.mappings.Linear import Linear

    module = f"decentralizepy.datasets.{entry.dataset}"
    dataset_class = factory.load(module, module.rpartition(".")[2])
    options = entry.directories(directory)
    dataset_class.prepare(**options)
    dataset = dataset_class(0, 0, Linear(1, 1), **options)
    count = 0
    for batches in (dataset.get_trainset(64), dataset.get_testset()):
        for _ in batches:
            pass
        count += len(batches.dataset)
    return count, list(dataset.remarks())


def _compared(path: Path, digest: str) -> tuple[str, bool]:
    if not path.is_file():
        return f"{path}: not found", False
    found = digest_of(path, digest)
    if found != digest:
        return f"{path}: damaged: its checksum is {found}, expected {digest}", False
    return f"{path}: OK", True


def _size(count: int) -> str:
    factor, unit = byte_unit(count)
    return f"{count / factor:.1f} {unit}"
