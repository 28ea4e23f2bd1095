"""What the tests of partitions share: data with labels, and a partitioner's parts."""

import numpy as np


class Labelled(list):
    """Samples 0, 10, 20, ... whose labels are given."""

    def __init__(self, targets):
        super().__init__(range(0, 10 * len(targets), 10))
        self.targets = np.asarray(targets)


def equal_sizes(count, parts):
    """Return fractions of equal size, the last with the rest, as upstream adds it."""
    equal = count // parts / count
    return [equal] * (parts - 1) + [equal + (1 - equal * parts)]


def places(partitioner):
    return [np.asarray(part).tolist() for part in partitioner.partitions]
