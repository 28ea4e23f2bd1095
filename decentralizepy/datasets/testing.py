"""On which samples a model is tested, and how."""

from collections.abc import Callable

import numpy as np
import torch

from decentralizepy.datasets.batches import Batches
from decentralizepy.datasets.Partitioner import Indices
from decentralizepy.randomness import Purpose, stream

Loss = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]


def draw(count: int, samples: int, seed: int) -> Indices:
    """Return which ``samples`` of ``count`` samples to test on, in ascending order."""
    drawn = stream(Purpose.TEST_SAMPLES, seed).choice(count, samples, replace=False)
    return np.sort(drawn)


def evaluate(
    model: torch.nn.Module, loss: Loss, batches: Batches
) -> tuple[float, float]:
    """Return the accuracy in percent and the mean loss over samples."""
    device = next((each.device for each in model.parameters()), None)
    was_training = model.training
    model.eval()
    right, total, count = torch.zeros(()), torch.zeros((), dtype=torch.float64), 0
    with torch.inference_mode():
        for x, y in batches:
            x, y = x.to(device), y.to(device)  # themselves if they are there
            output = model(x)
            total = total + loss(output, y) * len(y)
            right = right + (output.argmax(1) == y).sum()
            count += len(y)
    model.train(was_training)
    return 100 * float(right) / count, float(total) / count
