"""Tests of the mean of all models, while the nodes run."""

from contextlib import suppress
from pathlib import Path

from decentralizepy.models.flat import tensors
from decentralizepy.models.lazy import materialize
from decentralizepy.node.round_models import waiting
from decentralizepy.results.schedule import MEAN_MODEL
from decentralizepy.results.write import (
    MODELS,
    forget_final,
    read_final,
    write_final,
)
from decentralizepy.runs.experiment import Experiment
from decentralizepy.runs.final import MeanTest


class MeanModelTests:
    """With ``[RUN] evaluate = mean_model``, the tests of all rounds in which they are due.

    The nodes leave their models in a file, and do not wait until these are tested.

    Parameters
    ----------
    experiment
    """

    def __init__(self, experiment: Experiment) -> None:
        self.experiment = experiment
        self.log_dir = Path(experiment.args.log_dir)
        self.wanted = experiment.args.evaluate == MEAN_MODEL
        self._test: MeanTest | None = None

    def begin(self) -> None:
        """Forget what comes after the round from which the nodes start."""
        if not self.wanted:
            return
        first = self.experiment.first_round
        for models in waiting(self.log_dir, self.experiment.graph.n_procs):
            if models.number > first:
                models.remove()
        forget_final(self.log_dir, first)

    def poll(self) -> None:
        """Test the rounds that all nodes have finished."""
        if not self.wanted:
            return
        for models in waiting(self.log_dir, self.experiment.graph.n_procs):
            if models.complete():
                test = self._test = self._test or self._made()
                measured = test.measure(models.states(tensors(test.model)))
                earlier = read_final(self.log_dir)
                write_final(self.log_dir, models.number, measured, earlier=earlier)
                models.remove()

    def end(self) -> None:
        """Test what is left, once all nodes have ended."""
        self.poll()
        if self.wanted:
            with suppress(OSError):  # not empty, if a model could not be written
                Path(self.log_dir, MODELS).rmdir()

    def _made(self) -> MeanTest:
        # on the CPU, as processes cannot be forked, at a restart, once CUDA is in use
        test = MeanTest(self.experiment, "cpu")
        materialize(test.model, test.dataset)
        return test
