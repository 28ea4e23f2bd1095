"""Small files in LEAF's format, and a data set that reads them."""

import json

import numpy as np

from decentralizepy.datasets.leaf.cache import RecordError, encode_labels
from decentralizepy.datasets.leaf.dataset import LeafDataset


class Pairs:
    """Encodes x, two numbers that are not negative, and y, 0 to 2; notes the users."""

    name, version = "pairs", 1
    record, label = list[float], int

    def __init__(self, *sources):
        self.sources, self.encoded = sources, []

    def encode(self, x, y):
        self.encoded.append(len(x))
        for number, pair in enumerate(x):
            if min(pair) < 0:
                raise RecordError(number, f"{min(pair)} is negative")
        return np.array(x, np.float32).reshape(-1, 2), encode_labels(y, 3)


def leaf(**users):
    """Return what a file holds; of each user, the labels: x is (label, place)."""
    data = {
        user: {"x": [[label, place] for place, label in enumerate(labels)], "y": labels}
        for user, labels in users.items()
    }
    counts = [len(labels) for labels in users.values()]
    return {"users": list(users), "num_samples": counts, "user_data": data}


def write(folder, **files):
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / f"{name}.json").write_text(json.dumps(content))


class Toy(LeafDataset):
    """Of each sample, x is its label and its place among its user's."""

    num_classes = 3

    def codec(self):
        return Pairs()
