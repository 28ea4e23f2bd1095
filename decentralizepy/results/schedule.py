"""When nodes evaluate, and which of them do."""

from functools import lru_cache

from decentralizepy.randomness import Purpose, stream

ALL, MEAN_MODEL = "all", "mean_model"
"""What ``[RUN] evaluate`` may be besides a number of nodes."""


class Schedule:
    """Decide in which rounds a node evaluates.

    Evaluations are due every ``test_after`` and ``train_evaluate_after`` rounds; from
    the 50th test on, half as often (upstream's rule, so that long runs are comparable).

    Parameters
    ----------
    test_after, train_evaluate_after : int
        Rounds between two evaluations on the test data, and on the node's own data.
    """

    THINNING = 49
    checkpointed = ("until_test", "until_train", "tests", "change")

    def __init__(self, test_after: int, train_evaluate_after: int) -> None:
        self.test_after, self.train_evaluate_after = test_after, train_evaluate_after
        self.until_test, self.until_train = test_after, train_evaluate_after
        self.tests, self.change = 0, 1

    def step(self) -> tuple[bool, bool]:
        """Count a round; return whether (train loss, test) are due in it."""
        self.until_test -= 1
        self.until_train -= 1
        train, test = self.until_train == 0, self.until_test == 0
        if train:
            self.until_train = self.train_evaluate_after * self.change
        if test:
            self.until_test = self.test_after * self.change
            self.tests += 1
            if self.tests == self.THINNING:
                self.change = 2
        return train, test


class Evaluators:
    """The nodes that evaluate, in the rounds in which that is due.

    Parameters
    ----------
    which : "all", "mean_model" or int
        All nodes; none, because the mean of all models is tested instead; or how many,
        drawn anew in each round.
    nodes : int, default 0
        The number of nodes in the network.
    seed : int, default 0
        The seed of the run.
    """

    def __init__(self, which: str | int = ALL, nodes: int = 0, seed: int = 0) -> None:
        self.which, self.nodes, self.seed = which, nodes, seed

    @property
    def sampled(self) -> bool:
        """Whether the nodes that evaluate are drawn."""
        return isinstance(self.which, int)

    def include(self, uid: int, iteration: int) -> bool:
        """Return whether a node evaluates in a round, counted from 0."""
        if isinstance(self.which, int):
            return uid in _drawn(self.which, self.nodes, self.seed, iteration)
        return self.which == ALL


@lru_cache(maxsize=64)  # the nodes of a process need not each draw the same
def _drawn(count: int, nodes: int, seed: int, iteration: int) -> frozenset[int]:
    generator = stream(Purpose.EVALUATORS, seed, round=iteration)
    return frozenset(generator.choice(nodes, count, replace=False).tolist())
