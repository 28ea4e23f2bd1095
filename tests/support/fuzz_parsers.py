"""The four parsers of what others write, as functions of bytes: only our own errors may come out.

``python -m tests.support.fuzz_parsers NAME -max_total_time=60`` lets atheris, which
``pip install atheris`` gets for some versions of Python, look for bytes that get
further than others; what follows NAME is libFuzzer's. NAME is a key of ``PARSERS``.
"""

import contextlib
import inspect
import logging
import os
import re
import sys
import tempfile
from pathlib import Path
from types import ModuleType

import numpy as np

from decentralizepy.communication import _wire
from decentralizepy.config import assignments, ini
from decentralizepy.errors import AddressError, ConfigError, GraphError, MessageError
from decentralizepy.graphs import format
from decentralizepy.mappings import addresses as address_file

FRAMES = [bytes(12), bytes(0)]
MEMORY = Path("/dev/shm")


def ini_file(data: bytes, file: Path) -> None:
    """Read bytes as an INI file, and its text as assignments."""
    file.write_bytes(data)
    with contextlib.suppress(ConfigError):
        ini.read(file)
    with contextlib.suppress(ConfigError):
        assignments.override({}, data.decode("utf-8", "replace").split("\n"))


def graph(data: bytes, file: Path) -> None:
    """Read bytes as both kinds of graph file."""
    nodes = re.match(rb"\W*0*(\d{1,18})", data)
    if nodes and 1000 < int(nodes[1]) <= format.MAX_NODES:
        return  # allowed, and slow
    for form in format.FORMATS:
        with contextlib.suppress(GraphError):
            format.parse(data, form, "graph", symmetrize=len(data) % 2 == 0)


def header(data: bytes, file: Path) -> None:
    """Read bytes as the header of messages with and without frames."""
    for frames in ([], FRAMES[:1], FRAMES):
        with contextlib.suppress(MessageError):
            _wire.decode([data, *frames])


def addresses(data: bytes, file: Path) -> None:
    """Read bytes as an address file."""
    file.write_bytes(data)
    with contextlib.suppress(AddressError):
        address_file.read_addresses(str(file))


def _headers() -> list[bytes]:
    array = np.zeros(3, np.float32)
    messages = [
        {"CHANNEL": "CONNECT", "HELLO": 1},
        {"CHANNEL": "DPSGD", "iteration": 3, "degree": 2, "params": array},
        {"CHANNEL": "PEERS", "NEIGHBORS": {1, 2, 3}, "x": [None, 1.5, {"a": b"b"}]},
        {"CHANNEL": "DPSGD", "iteration": 3, "params": array, "more": array[:0]},
    ]
    return [bytes(_wire.encode(message)[0]) for message in messages]


PARSERS = {"ini": ini_file, "graph": graph, "header": header, "addresses": addresses}
SEEDS = {
    "ini": [
        b"[SHARING]\nsharing_class = Sharing\n; a comment\nlr : 0x10\n\n[NODE]\nk = 1_0\n",
        b"\xef\xbb\xbf[A]\r\na=1e400\r\n b\r\n[DEFAULT]\nc = %(d)s ; e\n[A.b]\n=\n",
    ],
    "graph": [
        b"4\n0 1\n1 2\n2 3\n3 0\n",
        b"4\n1 3\n0 2\n1 3\n0 2\n",
        b"\xef\xbb\xbf3\r\n1\r0\n\n",
    ],
    "header": _headers(),
    "addresses": [
        b'{"0": "localhost", "1": "10.0.0.2"}',
        b'{"0": ["a", 1, null], "0": {"b": 1e9}}',
        b"[" * 2000,
    ],
}


def mutated(data, generator):
    """Return bytes with some changed, doubled, added or cut out."""
    data = bytearray(data)
    for _ in range(generator.randrange(1, 5)):
        place, end = sorted(generator.randrange(len(data) + 1) for _ in "ab")
        match generator.randrange(5):
            case 0 | 1 if place < len(data):
                data[place] = generator.choice((0, 255, generator.randrange(256)))
            case 2:
                data[place:place] = generator.randbytes(generator.randrange(9))
            case 3:
                del data[place : min(end, place + 9)]
            case _:
                data[place:place] = data[place:end][:50]
    return bytes(data)


def _instrument(atheris: ModuleType) -> None:
    import configparser

    for module in (ini, _wire, format, address_file, configparser):
        for item in vars(module).values():
            members = vars(item).values() if inspect.isclass(item) else [item]
            for member in filter(inspect.isfunction, members):
                if member.__module__ == module.__name__:
                    atheris.instrument_func(member)


def main(name: str) -> None:
    """Fuzz the parser ``name`` until libFuzzer ends."""
    import atheris

    logging.disable()
    _instrument(atheris)
    shelf = MEMORY if MEMORY.is_dir() else None
    folder = Path(tempfile.mkdtemp(prefix="fuzz-", dir=shelf))
    seeds, file = folder / "seeds", folder / "file"
    seeds.mkdir()
    for number, seed in enumerate(SEEDS[name]):
        (seeds / str(number)).write_bytes(seed)
    parser = PARSERS[name]
    atheris.Setup(
        [sys.argv[0], *sys.argv[2:], str(seeds)], lambda data: parser(data, file)
    )
    os.chdir(folder)  # where libFuzzer leaves what fails
    atheris.Fuzz()


if __name__ == "__main__":
    main(sys.argv[1])
