"""MatrixFactorization: dot products of the vectors that pairs name, counted from 1."""

import torch

from decentralizepy.models.matrix_factorization import MatrixFactorization


def test_a_rating_is_the_dot_product_of_its_users_and_its_items_vector():
    model = MatrixFactorization(n_users=2, n_items=3, n_factors=2)
    model.user_factors.weight.data = torch.tensor([[1.0, 2], [3, 4]])
    model.item_factors.weight.data = torch.tensor([[1.0, 0], [0, 1], [5, 6]])
    assert model(torch.tensor([[1, 1], [1, 3], [2, 2]])).tolist() == [1, 17, 4]
    assert model(torch.tensor([2, 3])).item() == 39


def test_the_default_is_as_large_as_latest_small():
    assert MatrixFactorization().count_params() == (610 + 9724) * 20 == 206_680


def test_vectors_begin_uniform_around_zero():
    torch.manual_seed(0)
    weights = MatrixFactorization().get_weights()
    assert 0.049 < weights.max() <= 0.05
    assert -0.05 <= weights.min() < -0.049
    # the deviation of a uniform distribution: its width over the root of 12
    assert abs(weights.std() - 0.1 / 12**0.5) < 1e-4


def test_the_vectors_of_a_pair_alone_learn_from_it():
    model = MatrixFactorization(n_users=3, n_items=3)
    model(torch.tensor([[2, 1]])).sum().backward()
    assert model.user_factors.weight.grad.any(dim=1).tolist() == [False, True, False]
    assert model.item_factors.weight.grad.any(dim=1).tolist() == [True, False, False]
