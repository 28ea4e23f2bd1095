"""Recurrent networks that predict the next character or the next word."""

import torch
from torch import nn

from decentralizepy.models.Model import Model


class LSTM(Model):
    """Predict the character after 80 others, from all LSTM outputs: 2,683,708 parameters.

    Two layers of 256 units (Hochreiter and Schmidhuber, 1997), as in LEAF
    (arXiv:1812.01097).
    """

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(92, 8)
        self.lstm = nn.LSTM(8, 256, num_layers=2, batch_first=True)
        self.l1 = nn.Linear(80 * 256, 92)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return logits (batch, 92) for characters (batch, 80), numbered 0 to 91."""
        outputs, _ = self.lstm(self.embedding(x))
        logits: torch.Tensor = self.l1(outputs.flatten(1).relu())
        return logits


class RNN(Model):
    """Predict the next word from the last state of an LSTM: 4,317,895 parameters.

    Word 0 is padding: its vector is always 0.
    """

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(9999, 200, padding_idx=0)
        self.rnn_cells = nn.LSTM(200, 256, num_layers=2, batch_first=True)
        self.l1 = nn.Linear(256, 128)
        self.l2 = nn.Linear(128, 9999)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return logits (batch, 9999) for words (batch, length), numbered 0 to 9998."""
        _, (states, _) = self.rnn_cells(self.embedding(x))
        logits: torch.Tensor = self.l2(self.l1(states[-1]).relu())
        return logits
