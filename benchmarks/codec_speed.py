"""Print the speed of each codec, and its bytes per value relative to no codec.

Usage: python benchmarks/codec_speed.py [--values N] [--repeats N]
"""

# not named compression.py: Python 3.14 has a package of this name, which bz2 imports

import argparse
import time

import numpy as np

from decentralizepy import factory

CODECS = {
    "Elias": {},
    "EliasFpzip": {},
    "EliasFpzipLossy": {},
    "EliasQuantization": {},
    "Quantization": {},
    "Lz4Wrapper": {"compress_data": True},
    "Zstd": {},
}
DENSITY = 0.1


def make(name):
    return factory.load(f"decentralizepy.compression.{name}", name)(**CODECS[name])


def data(count):
    """Return a sorted tenth of a model's indices, like PartialModel's; normal values."""
    rng = np.random.default_rng(0)
    gaps = rng.geometric(DENSITY, count)
    indices = (np.cumsum(gaps) - 1).astype(np.int32)
    return indices, rng.normal(scale=0.02, size=count).astype(np.float32)


def fastest(function, argument, repeats):
    """Return the seconds of the fastest call, and its result."""
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        result = function(argument)
        seconds.append(time.perf_counter() - start)
    return min(seconds), result


def line(name, what, encode, decode, array, repeats):
    encoding, encoded = fastest(encode, array, repeats)
    if encoded is array:
        return
    decoding, decoded = fastest(decode, encoded, repeats)
    assert decoded.shape == array.shape
    megabytes = array.nbytes / 1e6
    print(
        f"{name:18} {what:8} {megabytes / encoding:7.0f} {megabytes / decoding:7.0f}"
        f" {encoded.nbytes / array.size:8.3f} {encoded.nbytes / array.nbytes:7.3f}"
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--values", type=int, default=1_000_000)
    parser.add_argument("--repeats", type=int, default=5)
    arguments = parser.parse_args()
    indices, values = data(arguments.values)
    print(f"{arguments.values} indices at density {DENSITY}, normal float32 values")
    print(f"{'':27} {'encode':>7} {'decode':>7} {'bytes':>8} {'over':>7}")
    print(f"{'codec':18} {'of':8} {'MB/s':>7} {'MB/s':>7} {'a value':>8} {'none':>7}")
    for name in CODECS:
        codec, repeats = make(name), arguments.repeats
        line(name, "indices", codec.compress, codec.decompress, indices, repeats)
        floats = (codec.compress_float, codec.decompress_float)
        line(name, "values", *floats, values, repeats)


if __name__ == "__main__":
    main()
