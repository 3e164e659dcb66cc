"""The experiment that compares heads with heads that learned nothing: its measure, and what each condition keeps."""

import pytest
import torch

from experiments.compared_heads import alignment, attend, conditions, projected, untrained
from mha.heads import MultiHeadAttention


def unbiased_hsic(k, ell):
    """Song et al. 2012, equation 5, of two kernel matrices (i, i)."""
    n = len(k)
    k, ell = k - k.diag().diag(), ell - ell.diag().diag()
    product = (k @ ell).trace() + k.sum() * ell.sum() / ((n - 1) * (n - 2)) - 2 * (k @ ell).sum() / (n - 2)
    return product / (n * (n - 3))


def test_alignment_is_the_ratio_of_unbiased_estimates():
    heads = torch.randn(3, 7, 5, dtype=torch.float64)
    kernels = heads @ heads.mT
    hsic = torch.tensor([[unbiased_hsic(k, ell) for ell in kernels] for k in kernels], dtype=torch.float64)
    norms = hsic.diag().sqrt()
    torch.testing.assert_close(alignment(heads), hsic / norms[:, None] / norms)


@pytest.fixture
def layer():
    torch.manual_seed(0)
    return MultiHeadAttention(12, 3).double().requires_grad_(False), torch.randn(1, 7, 12, dtype=torch.float64)


def test_each_condition_keeps_what_its_name_says(layer):
    attn, x = layer
    found = conditions(attn, x, torch.Generator().manual_seed(1))
    q, k, v = projected(attn, x)
    weights, heads = found["trained"]
    torch.testing.assert_close(attn.out(heads.swapaxes(0, 1).reshape(1, 7, 12)), attn(x))
    assert torch.equal(found["no attention, trained"][1], v)
    pointed = found["at random keys"][0]
    assert torch.equal(pointed.sort(dim=-1).values, weights.sort(dim=-1).values)
    assert not torch.equal(pointed, weights)
    torch.testing.assert_close(found["random values"][1], weights @ found["no attention, random"][1])
    for_all = found["one head's weights for all"][1]
    torch.testing.assert_close(for_all[2, 0], attend(q, k)[2] @ v[0])


def test_untrained_networks_are_drawn_by_two_rules():
    spreads = {name: network.blocks[0].attn.out.weight.std().item() for name, network in untrained(0).items()}
    assert spreads["untrained, 0.02"] == pytest.approx(0.02, rel=0.01)
    assert spreads["untrained, Xavier"] == pytest.approx((2 / (384 + 384)) ** 0.5, rel=0.01)
