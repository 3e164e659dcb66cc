"""The checks of the chapter on the encoder block against answers as learners write them, right and wrong."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from course.checks import blocks as check
from mha.blocks import EncoderBlock

# ---- right answers, written differently


def gradient_torch(x, gain, grad, eps):
    x, gain, grad = map(torch.from_numpy, (x, gain, grad))
    F.layer_norm(x.requires_grad_(), gain.shape, gain, None, eps).backward(grad)
    return x.grad


def gradient_by_jacobians(x, gain, grad, eps):
    """Of each token the whole matrix of derivatives, in which only numbers of that token occur."""
    m = x.shape[2]
    centre = np.eye(m) - 1 / m
    out = np.zeros_like(x)
    for place in np.ndindex(x.shape[:2]):
        deviation = centre @ x[place]
        variance = deviation @ deviation / m + eps
        jacobian = gain[:, None] * (centre / variance**0.5 - np.outer(deviation, deviation) / (m * variance**1.5))
        out[place] = grad[place] @ jacobian
    return out


def gradient_two_steps(x, gain, grad, eps):
    """First back through the division, then through the centring."""
    deviation = x - x.mean(2, keepdims=True)
    inverse = (deviation.var(2, keepdims=True) + eps) ** -0.5
    inner = gain * grad
    back = inner * inverse - deviation * inverse**3 * (inner * deviation).mean(2, keepdims=True)
    return back - back.mean(2, keepdims=True)


def net_torch(x, w_up, b_up, w_down, b_down):
    x, w_up, b_up, w_down, b_down = map(torch.from_numpy, (x, w_up, b_up, w_down, b_down))
    return F.linear(F.relu(F.linear(x, w_up.T, b_up)), w_down.T, b_down)


def net_neurons(x, w_up, b_up, w_down, b_down):
    """A sum over hidden entries, each with what it reads and what it writes."""
    out = np.broadcast_to(b_down, x.shape)
    for reads, threshold, writes in zip(w_up.T, b_up, w_down, strict=True):
        out = out + np.clip(x @ reads + threshold, 0, None)[..., None] * writes
    return out


def back_torch(w_up, w_down, top):
    def gradients(residual):
        stream = [torch.zeros(len(top), dtype=torch.float64, requires_grad=True)]
        for up, down in zip(torch.from_numpy(w_up), torch.from_numpy(w_down), strict=True):
            stream.append(residual * stream[-1] + stream[-1] @ up @ down)
            stream[-1].retain_grad()
        stream[-1].backward(torch.from_numpy(top))
        return torch.stack([x.grad for x in stream])

    return gradients(1), gradients(0)


def back_products(w_up, w_down, top):
    """One matrix for each depth, from there to the top."""
    m = len(top)
    jacobians = np.einsum("lmf,lfk->lkm", w_up, w_down)
    with_path, without = [np.eye(m)], [np.eye(m)]
    for jacobian in reversed(jacobians):
        with_path.insert(0, with_path[0] @ (np.eye(m) + jacobian))
        without.insert(0, without[0] @ jacobian)
    return [top @ x for x in with_path], [top @ x for x in without]


def block_by_cases(x, attn, ffn, norm_1, norm_2, norm_first):
    if norm_first:
        x = x + attn(norm_1(x))
        return x + ffn(norm_2(x))
    x = norm_1(x + attn(x))
    return norm_2(x + ffn(x))


def block_in_a_loop(x, attn, ffn, norm_1, norm_2, norm_first):
    for sublayer, norm in ((attn, norm_1), (ffn, norm_2)):
        x = x + sublayer(norm(x)) if norm_first else norm(x + sublayer(x))
    return x


def block_in_torch(x, *parts):
    *parts, norm_first = parts
    inside = [lambda y, part=part: torch.from_numpy(part(y.numpy())) for part in parts]
    return block_by_cases(torch.from_numpy(x), *inside, norm_first)


@pytest.mark.parametrize(
    ("judge", "answer"),
    [
        (check.norm_gradient, gradient_torch),
        (check.norm_gradient, gradient_by_jacobians),
        (check.norm_gradient, gradient_two_steps),
        (check.norm_gradient, lambda x, *rest: gradient_torch(x, *rest).float()),
        (check.feed_forward, net_torch),
        (check.feed_forward, net_neurons),
        (check.block, block_by_cases),
        (check.block, block_in_a_loop),
        (check.block, block_in_torch),
        (check.way_back, back_torch),
        (check.way_back, back_products),
    ],
)
def test_right_answers_are_right(judge, answer):
    feedback = judge(answer)
    assert feedback.ok, feedback


# ---- wrong answers, as they are written


def frozen(x, gain, grad, eps):
    """Mean and variance as numbers that do not move."""
    return grad * gain / torch.from_numpy(x).var(-1, correction=0, keepdim=True).add(eps).sqrt().numpy()


def detached(x, gain, grad, eps, *, mean=False, variance=False):
    """The same in torch, one of them detached."""
    x = torch.from_numpy(x).requires_grad_()
    mu = x.mean(-1, keepdim=True)
    mu = mu.detach() if mean else mu
    size = ((x - mu).square().mean(-1, keepdim=True) + eps).sqrt()
    out = torch.from_numpy(gain) * (x - mu) / (size.detach() if variance else size)
    return torch.autograd.grad(out, x, torch.from_numpy(grad))[0]


def back(w_up, w_down, top, step=lambda g, up, down: g @ down.T @ up.T, around=lambda g, top: g):
    n = len(w_up)
    added, plain = np.zeros((2, n + 1, len(top)))
    added[n], plain[n] = top, top
    for layer in range(n - 1, -1, -1):
        maps = w_up[layer], w_down[layer]
        added[layer] = around(added[layer + 1], top) + step(added[layer + 1], *maps)
        plain[layer] = step(plain[layer + 1], *maps)
    return added, plain


def overwritten(x, attn, ffn, norm_1, norm_2, norm_first):
    if not norm_first:
        return block_by_cases(x, attn, ffn, norm_1, norm_2, False)
    x = norm_1(x)
    x = x + attn(x)
    x = norm_2(x)
    return x + ffn(x)


def added_to_x(x, attn, ffn, norm_1, norm_2, norm_first):
    first = x + attn(norm_1(x)) if norm_first else norm_1(x + attn(x))
    return x + ffn(norm_2(first)) if norm_first else norm_2(x + ffn(first))


def post_norm_of_sublayers(x, attn, ffn, norm_1, norm_2, norm_first):
    x = x + (attn(norm_1(x)) if norm_first else norm_1(attn(x)))
    return x + (ffn(norm_2(x)) if norm_first else norm_2(ffn(x)))


def side_by_side(x, attn, ffn, norm_1, norm_2, norm_first):
    if norm_first:
        return x + attn(norm_1(x)) + ffn(norm_2(x))
    return block_by_cases(x, attn, ffn, norm_1, norm_2, False)


def one_order(x, attn, ffn, norm_1, norm_2, norm_first):
    if norm_first:
        return block_by_cases(x, attn, ffn, norm_1, norm_2, True)


def in_place(x, attn, ffn, norm_1, norm_2, norm_first):
    x += attn(norm_1(x) if norm_first else x)
    x = x if norm_first else norm_1(x)
    return x + ffn(norm_2(x)) if norm_first else norm_2(x + ffn(x))


BLOCKS_WRONG = [
    (lambda x, a, f, m, n, first: f(n(a(m(x)))) if first else n(f(m(a(x)))), "no-residuals", "no residual connection"),
    (overwritten, "residual-after-the-norm", "add to x itself"),
    (lambda *a: block_by_cases(*a[:-1], not a[-1]), "orders-exchanged", "norm_first=True is pre-norm"),
    (lambda *a: block_by_cases(*a[:-1], False), "always-post", "whatever norm_first says"),
    (lambda *a: block_by_cases(*a[:-1], True), "always-pre", "whatever norm_first says"),
    (post_norm_of_sublayers, "post-norm-of-the-sublayer", "of the sum"),
    (lambda x, a, f, m, n, first: block_by_cases(x, a, f, m, m, first), "one-norm-for-both", "norm_2"),
    (lambda x, a, f, m, n, first: block_by_cases(x, f, a, n, m, first), "net-first", "the attention does"),
    (lambda *a: a[4](block_by_cases(*a)) if a[5] else block_by_cases(*a), "norm-at-the-end", "after the whole stack"),
    (added_to_x, "adds-the-block-input", "the first half"),
    (side_by_side, "parallel", "side by side"),
    (one_order, "returned-none", "is `return` missing?"),
    (in_place, "changes-its-argument", "x = x.copy()"),
]

WRONG = [
    (check.norm_gradient, frozen, "both-constant", "move with x"),
    (check.norm_gradient, lambda *a: detached(*a, variance=True), "variance-constant", "the variance moves with x"),
    (check.norm_gradient, lambda x, g, grad, e: gradient_torch(x, g**0, grad, e), "no-gain", "grad·gain"),
    (check.norm_gradient, lambda x, g, grad, e: g * gradient_torch(x, g**0, grad, e).numpy(), "gain-last", "first"),
    (check.norm_gradient, lambda x, g, grad, e: gradient_two_steps(x, g, grad, 0.0), "no-eps", "below the root"),
    (
        check.norm_gradient,
        lambda x, g, grad, e: F.layer_norm(torch.tensor(x), g.shape, torch.tensor(g), None, e),
        "forward",
        "norm itself",
    ),
    (check.norm_gradient, lambda x, g, grad, e: np.sum(gradient_two_steps(x, g, grad, e), 2), "shape-reduced", "d"),
    (check.feed_forward, lambda x, a, b, c, d: (x @ a + b) @ c + d, "linear", "one linear map"),
    (check.feed_forward, lambda x, a, b, c, d: np.maximum(x @ a, 0) @ c, "no-biases", "b_up and b_down"),
    (check.feed_forward, lambda x, a, b, c, d: np.maximum((x @ a + b) @ c + d, 0), "relu-last", "between the two"),
    (check.feed_forward, lambda x, *maps: x + net_neurons(x, *maps), "residual", "the block around"),
    (check.feed_forward, lambda x, a, b, c, d: x @ a + b, "hidden-alone", "second map is missing"),
    (check.way_back, lambda *a: back(*a, around=lambda g, top: 1), "one-for-the-identity", "g + gJ"),
    (check.way_back, lambda *a: back(*a, around=lambda g, top: 0 * g), "no-path-around", "comes down as it is"),
    (check.way_back, lambda *a: back(*a, around=lambda g, top: top), "top-at-each-depth", "just above it"),
    (check.way_back, lambda *a: back(*a, step=lambda g, up, down: g @ up @ down), "not-transposed", "transposed"),
    (check.way_back, lambda *a: back(*a, step=lambda g, up, down: g @ up.T @ down.T), "order-of-maps", "w_down does"),
    (check.way_back, lambda *a: [x[::-1] for x in back(*a)], "top-first", "begin at the top"),
    (check.way_back, lambda *a: [x[:-1] for x in back(*a)], "top-missing", "one more row"),
    (check.way_back, lambda *a: back(*a)[::-1], "order-swapped", "return (added, plain)"),
    *((check.block, *wrong) for wrong in BLOCKS_WRONG),
]


@pytest.mark.parametrize(("judge", "answer", "diagnosis", "phrase"), WRONG)
def test_wrong_answers_are_told_why(judge, answer, diagnosis, phrase):
    feedback = judge(answer)
    assert not feedback.ok
    assert feedback.diagnosis == diagnosis, feedback
    assert phrase in feedback.message


@pytest.mark.parametrize("norm_first", [False, True])
def test_the_right_block_is_the_book_s_block(norm_first):
    """With its parts, in double precision."""
    torch.manual_seed(0)
    block = EncoderBlock(12, n_heads=3, d_ff=20, norm_first=norm_first).double()
    parts = (block.attn, block.ffn, block.attn_norm, block.ffn_norm)
    for norm in parts[2:]:
        torch.nn.init.normal_(norm.weight)  # at 1 both norms would be one function
    x = torch.randn(2, 5, 12, dtype=torch.float64)
    with torch.no_grad():
        torch.testing.assert_close(check.block.right(x, *parts, norm_first), block(x))


def test_parameters_are_those_of_a_block():
    block = EncoderBlock(384, n_heads=12, d_ff=4 * 384)
    attention, net, *norms = (
        sum(p.numel() for p in part.parameters()) for part in (block.attn, block.ffn, block.attn_norm, block.ffn_norm)
    )
    feedback = check.parameters(attention, net, sum(norms), net / (attention + net + sum(norms)))
    assert feedback.ok, feedback


def test_two_results_in_one_array_that_is_overwritten_are_told_so():
    def shared(w_up, w_down, top):
        added = plain = np.zeros((len(w_up) + 1, len(top)))
        added[-1] = top
        for level in range(len(w_up) - 1, -1, -1):
            plain[level] = plain[level + 1] @ w_down[level].T @ w_up[level].T
        return added, plain

    assert "one array serves both" in check.way_back(shared).message
