"""Hard-concrete gates: their probabilities by Monte Carlo, their slopes, and what is left when the shut ones go."""

import math

import pytest
import torch
from torch.testing import assert_close

from mha.compress.gates import (
    HardConcreteGate,
    add_gates,
    expected_open,
    gates_of,
    parameter_groups,
    without_closed,
)
from mha.heads import MultiHeadAttention
from mha.models.bert import Encoder, EncoderConfig

V, M, H, FF, LENGTH = 29, 21, 3, 31, 7
D = M // H
IDS = torch.randint(V, (2, LENGTH), generator=torch.Generator().manual_seed(1))


def gate(*log_alpha):
    made = HardConcreteGate(len(log_alpha)).double()
    made.log_alpha.data = torch.tensor(log_alpha, dtype=torch.float64)
    return made


def by_hand(u, log_alpha):
    """Louizos et al. 2018, equations 10 and 11, with β = 2/3, γ = -0.1, ζ = 1.1."""
    s = 1 / (1 + torch.exp(-(torch.log(u) - torch.log(1 - u) + log_alpha) / (2 / 3)))
    return torch.clamp(s * (1.1 - -0.1) + -0.1, min=0, max=1)


def test_expected_open_is_how_often_a_draw_is_not_zero():
    made = gate(-5.0, -1.5, 0.0, 2.0)
    torch.manual_seed(0)
    draws = made.train().draw(400_000)
    found = (draws != 0).double().mean(0)
    assert_close(made.open_probability(), found, rtol=0, atol=4 * 0.5 / math.sqrt(400_000))
    assert (draws == 0).any(0).all()
    assert (draws == 1).any(0).sum() >= 3
    assert ((draws > 0) & (draws < 1)).any(0).all()


def test_draws_are_those_of_the_paper():
    log_alpha = torch.tensor([-1.0, 0.5, 3.0], dtype=torch.float64)
    made = gate(*log_alpha.tolist())
    torch.manual_seed(3)
    u = torch.rand(11, 3, dtype=torch.float64)
    torch.manual_seed(3)
    assert_close(made.draw(11), by_hand(u, log_alpha), rtol=0, atol=1e-9)
    s = torch.sigmoid(log_alpha)
    assert_close(made.value(), torch.clamp(s * 1.2 - 0.1, 0, 1), rtol=0, atol=1e-12)


def test_each_sequence_draws_its_own_and_evaluation_draws_none():
    made = gate(0.0, 0.0, 0.0)
    heads = torch.ones(5, 3, 2, 4, dtype=torch.float64)
    torch.manual_seed(0)
    drawn = made.train()(heads)
    assert len(drawn[:, 0, 0, 0].unique()) > 2
    assert_close(drawn, drawn[:, :, :1, :1].expand_as(drawn), rtol=0, atol=0)
    assert_close(made.eval()(heads), torch.full_like(heads, 0.5), rtol=0, atol=1e-12)


def test_the_slopes_are_those_of_central_differences():
    made, u = gate(-1.0, 0.3, 1.2), torch.rand(4, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(5))

    def value(log_alpha):
        made.log_alpha.data = log_alpha
        torch.manual_seed(9)
        return (made.draw(4) * u).sum() + 0.7 * made.open_probability().sum()

    at = made.log_alpha.data.clone()
    (slope,) = torch.autograd.grad(value(at.clone()), made.log_alpha)
    for n in range(3):
        step = torch.zeros(3, dtype=torch.float64)
        step[n] = 1e-6
        difference = (value(at + step) - value(at - step)) / 2e-6
        assert_close(slope[n], difference.detach(), rtol=1e-5, atol=1e-7)
    assert slope.abs().min() > 1e-3


def encoder():
    torch.manual_seed(0)
    sizes = EncoderConfig(vocab_size=V, d_model=M, n_layers=2, n_heads=H, d_ff=FF, max_len=13)
    return Encoder(sizes).double().eval()


def test_gates_are_added_to_a_copy_and_counted():
    model = encoder()
    gated = add_gates(model, start=0.5)
    assert all(block.attn.gate is None for block in model.blocks)
    assert [len(one.log_alpha) for one in gates_of(gated)] == [H, H]
    assert gates_of(gated)[0].log_alpha.dtype == torch.float64
    assert not gates_of(gated)[0].training
    wanted = 2 * H / (1 + math.exp(-(0.5 - 2 / 3 * math.log(0.1 / 1.1))))
    assert_close(expected_open(gated).item(), wanted, rtol=1e-9, atol=0)


def test_the_penalty_alone_closes_every_gate_at_its_own_rate():
    gated = add_gates(encoder())
    groups = parameter_groups(gated, lr=1e-3, gate_lr=0.1, weight_decay=0.2)
    assert [g["lr"] for g in groups] == [1e-3, 0.1]
    assert [g["weight_decay"] for g in groups] == [0.2, 0.0]
    assert sum(p.numel() for p in groups[1]["params"]) == 2 * H
    assert sum(len(g["params"]) for g in groups) == len(list(gated.parameters()))
    optimizer = torch.optim.AdamW(groups)
    for _ in range(80):
        optimizer.zero_grad()
        expected_open(gated).backward()
        optimizer.step()
    assert all((one.value() == 0).all() for one in gates_of(gated))


@torch.no_grad()
def test_without_closed_gives_what_the_gates_give():
    gated = add_gates(encoder())
    gates_of(gated)[0].log_alpha.data = torch.tensor([-3.0, 0.4, 5.0], dtype=torch.float64)
    gates_of(gated)[1].log_alpha.data = torch.tensor([-3.0, -2.5, -9.0], dtype=torch.float64)
    smaller, closed = without_closed(gated)
    assert closed == [(0, 0), (1, 0), (1, 1), (1, 2)]
    assert_close(smaller(IDS), gated(IDS), rtol=0, atol=1e-12)
    assert [block.attn.n_heads for block in smaller.blocks] == [2, 0]
    assert all(block.attn.gate is None for block in smaller.blocks)
    assert len(gates_of(gated)) == 2


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda: HardConcreteGate(0), r"n_heads \(0\) must be at least 1"),
        (lambda: HardConcreteGate(2, start=math.inf), "start"),
        (lambda: gate(1.0, 2.0)(torch.ones(1, 3, 2, 4)), r"heads must be \(b, 2, i, d\), got \(1, 3, 2, 4\)"),
        (lambda: add_gates(add_gates(MultiHeadAttention(M, H))), "no gate yet, got HardConcreteGate"),
        (lambda: expected_open(encoder()), "got 0 in 2: add_gates"),
        (lambda: parameter_groups(add_gates(encoder()), lr=0, gate_lr=1), "lr"),
        (lambda: parameter_groups(add_gates(encoder()), lr=1, gate_lr=-1), "gate_lr"),
    ],
)
def test_what_does_not_fit_is_refused(call, match):
    with pytest.raises(ValueError, match=match):
        call()
