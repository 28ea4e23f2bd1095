"""The partitions as upstream's are described, written out without care for speed.

Independent of the package: each returns a list of places for each part.
"""

import random

import numpy as np


def lengths(count, sizes):
    return [int(fraction * count) for fraction in sizes]


def loses_nothing(count, sizes, shards=1):
    """Tell whether upstream's rounding leaves every sample in a part."""
    each = lengths(count, sizes)
    return sum(each) == count and not any(length % shards for length in each)


def simple(count, sizes):
    left, parts = list(range(count)), []
    for length in lengths(count, sizes):
        parts.append(left[:length])
        left = left[length:]
    return parts


def shuffled(count, sizes, seed):
    order = list(range(count))
    random.Random(seed).shuffle(order)
    return [[order[place] for place in part] for part in simple(count, sizes)]


def kshard(count, sizes, shards, seed):
    """Draw a start in what is left; take a run, going on at the front at the end."""
    rng, left, parts = random.Random(seed), list(range(count)), []
    for length in lengths(count, sizes):
        part = []
        for _ in range(shards):
            start = rng.randint(0, len(left) - 1)
            taken = [
                left[(start + step) % len(left)] for step in range(length // shards)
            ]
            left = [place for place in left if place not in taken]
            part += taken
        parts.append(part)
    return parts


def dirichlet(targets, nodes, seed, alpha, num_classes):
    rng = np.random.default_rng(seed)
    fewest = 0
    while fewest < num_classes:
        parts = [[] for _ in range(nodes)]
        for label in range(num_classes):
            places = np.where(np.asarray(targets) == label)[0]
            rng.shuffle(places)
            share = rng.dirichlet(np.repeat(alpha, nodes))
            for node, part in enumerate(parts):
                if len(part) >= len(targets) / nodes:
                    share[node] = 0
            with np.errstate(invalid="ignore"):  # 0 / 0 when all is dealt already
                share = share / share.sum()
                cuts = (np.cumsum(share) * len(places)).astype(int)[:-1]
            for part, piece in zip(parts, np.split(places, cuts), strict=True):
                part += piece.tolist()
        fewest = min(len(part) for part in parts)
    for part in parts:
        rng.shuffle(part)
    return parts
