"""Recurrent networks for text: the next character, and the next word."""

import torch
from torch import nn

from decentralizepy.models.Model import Model


class LSTM(Model):
    """The next character after 80, from all of the LSTM's outputs: 2,683,708 parameters.

    Two layers of 256 units (Hochreiter and Schmidhuber, 1997), as LEAF's
    (arXiv:1812.01097) has them.
    """

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(92, 8)
        self.lstm = nn.LSTM(8, 256, num_layers=2, batch_first=True)
        self.l1 = nn.Linear(80 * 256, 92)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return logits (batch, 92) for characters (batch, 80), numbers 0 to 91."""
        outputs, _ = self.lstm(self.embedding(x))
        logits: torch.Tensor = self.l1(outputs.flatten(1).relu())
        return logits


class RNN(Model):
    """The next word, from the LSTM's last state: 4,317,895 parameters.

    Word 0 is the pad: its vector is 0 and stays so.
    """

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(9999, 200, padding_idx=0)
        self.rnn_cells = nn.LSTM(200, 256, num_layers=2, batch_first=True)
        self.l1 = nn.Linear(256, 128)
        self.l2 = nn.Linear(128, 9999)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return logits (batch, 9999) for words (batch, length), numbers 0 to 9998."""
        _, (states, _) = self.rnn_cells(self.embedding(x))
        logits: torch.Tensor = self.l2(self.l1(states[-1]).relu())
        return logits
