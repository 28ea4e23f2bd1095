"""Breaks when a batch of texts is not the samples that it was asked for."""

import numpy as np
import pytest
import torch

from decentralizepy.datasets.text.LLMData import LLMData

IDS = [[2, 7, 3, 0, 0, 0], [2, 7, 8, 3, 0, 0], [2, 7, 8, 9, 10, 3]]
MASK = (np.array(IDS) > 0).astype(np.int32)
LABELS = torch.eye(5)[[0, 4, 2]]


def make(ids=IDS, mask=MASK):
    return LLMData({"input_ids": ids, "attention_mask": mask}, LABELS)


def test_a_sample_is_a_dict_of_tensors_with_its_labels():
    """torch's DataLoader stacks samples, so they keep one length."""
    data = make()
    assert len(data) == 3
    sample = data[1]
    assert list(sample) == ["input_ids", "attention_mask", "labels"]
    assert sample["input_ids"].tolist() == IDS[1]
    assert sample["labels"].tolist() == [0, 0, 0, 0, 1]


@pytest.mark.parametrize("index", [slice(0, 2), np.array([0, 1])])
def test_a_batch_is_as_long_as_its_longest_text(index):
    batch = make()[index]
    assert batch["input_ids"].tolist() == [[2, 7, 3, 0], [2, 7, 8, 3]]
    assert batch["attention_mask"].tolist() == [[1, 1, 1, 0], [1, 1, 1, 1]]
    assert batch["labels"].shape == (2, 5)


def test_texts_that_are_padded_in_front_are_not_cut():
    batch = make(np.flip(IDS, 1).copy(), np.flip(MASK, 1).copy())[:2]
    assert batch["input_ids"].tolist() == [row[::-1] for row in IDS[:2]]


def test_without_a_mask_nothing_is_cut():
    assert LLMData({"input_ids": IDS}, LABELS)[:1]["input_ids"].shape == (1, 6)


def test_targets_are_the_classes():
    assert make().targets.tolist() == [0, 4, 2]
