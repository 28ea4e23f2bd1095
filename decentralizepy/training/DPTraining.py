"""Training by DP-SGD, with the accountant of Opacus."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any

import numpy as np
import torch
from pydantic import Field

from decentralizepy.randomness import Purpose, seed_of, stream
from decentralizepy.training import _private, _steps
from decentralizepy.training._passes import Trainset
from decentralizepy.training._together import Step
from decentralizepy.training.Training import Training

ALL = 2**31  # more samples than a node has


class DPTraining(Training):
    """DP-SGD: steps with noise and clipped per-sample gradients.

    In each step, every sample of the partition takes part with probability q (Poisson
    sampling, as the accountant assumes); q is 1 over the number of batches in a pass, as
    in Opacus. The optimizer gets the gradient ``(sum_i clip(g_i) + noise_multiplier *
    max_grad_norm * z) / L``, where ``clip`` scales a longer gradient down to
    ``max_grad_norm``, z is standard normal and L is the expected number of samples. Abadi,
    Chu, Goodfellow, McMahan, Mironov, Talwar and Zhang, Deep Learning with Differential
    Privacy, CCS 2016, algorithm 1.

    Each row of results with a test or a training loss has the ``epsilon`` so far at
    ``delta``, for adding or removing one sample of this node, by RDPAccountant of Opacus
    (``pip install decentralizepy[privacy]``). It covers all that the node sends, unless it
    also looks at data for something else: a learning-rate scheduler that reads the training
    loss (ReduceLROnPlateau), or a class that judges models by their loss on the node's data
    (UBAR, PENS) or compares labels (KNN, KFN).

    The partition is held in memory, and the model must be one that ``torch.func.vmap`` can
    run. BatchNorm is refused.

    Parameters
    ----------
    *parts
        The seven of :class:`~decentralizepy.training.Training.Training`.
    noise_multiplier : float, default 1.0
        Standard deviation of the noise, in units of ``max_grad_norm``; 0 is
        :class:`~decentralizepy.training.Training.Training` to the bit, without clipping.
    max_grad_norm : float, default 1.0
        A sample's gradient that is longer is scaled down to this 2-norm, above 0.
    delta : float, default 1e-5
        The delta of the epsilon in the results; should be below 1 over the number of
        samples.
    **options
        As for :class:`~decentralizepy.training.Training.Training`; ``shuffle`` has no
        effect.

    Attributes
    ----------
    steps : int
        How many steps have been taken.
    rate : float
        The probability of a sample, q.
    """

    checkpointed = ("steps", "rate")

    def __init__(
        self,
        *parts: Any,
        noise_multiplier: Annotated[float, Field(ge=0)] = 1.0,
        max_grad_norm: Annotated[float, Field(gt=0)] = 1.0,
        delta: Annotated[float, Field(gt=0, lt=1)] = 1e-5,
        **options: Any,
    ) -> None:
        super().__init__(*parts, **options)
        self.noise_multiplier, self.max_grad_norm = noise_multiplier, max_grad_norm
        self.delta, self.steps, self.rate, self._size, self._seed = delta, 0, 1.0, 0, 0
        if noise_multiplier:
            _private.check_model(self.model)

    @classmethod
    def prepare(cls, device: str = "cpu", **options: Any) -> None:
        super().prepare(device, **options)
        if options.get("compile") and options.get("noise_multiplier", 1.0):
            cause = "compile is set, which gives no gradients of single samples"
            raise _private.refused(cause)
        _private.accountant()

    def batch_with(self, batching: Any) -> None:
        """Take steps alone, since each has noise of its own."""
        batching.tell(Step.name, f"{type(self).__name__} adds noise")

    def _epoch(self, dataset: Trainset) -> Iterator[Any]:
        """Yield the batches of a pass, for each of which every sample is drawn anew."""
        if not self.noise_multiplier:
            yield from super()._epoch(dataset)
            return
        count = len(self._loader(dataset))
        (samples,) = dataset.get_trainset(ALL, False)
        if isinstance(samples, Mapping):
            raise _private.refused("its batches are dicts; expected pairs")
        self.rate, self._size, self._seed = 1 / count, len(samples[1]), seed_of(dataset)
        for _ in range(count):
            drawn = self._stream(Purpose.POISSON).random(self._size) < self.rate
            yield [part[torch.from_numpy(np.flatnonzero(drawn))] for part in samples]

    def step_alone(self, data: Any, target: Any = None) -> float:
        """Take one step on a batch of any size, even an empty one."""
        if not self.noise_multiplier:
            return super().step_alone(data, target)
        sums, loss = _private.clipped_sum(self, data, target, self.max_grad_norm)
        generator = self._stream(Purpose.GRADIENTS)
        scale = self.noise_multiplier * self.max_grad_norm
        parameters = dict(self.model.named_parameters())
        for name, total in sums.items():
            noise = generator.standard_normal(total.shape, np.float32)
            total += scale * torch.from_numpy(noise).to(total)
            parameters[name].grad = total / int(self._size * self.rate)
        _steps.clip(self.model, self.clip_norm, self.clip_value)
        _steps.step(self.optimizer)
        self.steps += 1
        return loss

    def privacy_spent(self) -> dict[str, float]:
        """Return the epsilon so far, for the results; none without noise."""
        if not self.noise_multiplier:
            return {}
        steps = self.noise_multiplier, self.rate, self.steps
        return {"epsilon": _private.epsilon(steps, self.delta)}

    def _stream(self, purpose: Purpose) -> np.random.Generator:
        uid = self.mapping.get_uid(self.rank, self.machine_id)
        return stream(purpose, self._seed, uid, round=self.steps)
