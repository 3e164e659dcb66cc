"""Speculative decoding beside `generate`, and what is drawn beside probabilities worked out by hand."""

import itertools
import math
from types import SimpleNamespace

import pytest
import scipy.stats
import torch

from mha.drafts import Proposal, SmallModel, TextLookup
from mha.generate import Sampling, generate
from mha.models.gpt import GPT, GPTConfig
from mha.speculative import speculate

V, MAX = 29, 41


def gpt(n_layers, seed):
    torch.manual_seed(seed)
    made = GPT(GPTConfig(V, 22, n_layers, 2, 31, MAX)).double().eval()
    with torch.no_grad():  # or it would repeat one token for ever
        for parameter in made.parameters():
            parameter.copy_(parameter.mean().round() + 0.3 * torch.randn(parameter.shape, dtype=parameter.dtype))
        made.norm.bias.zero_()
        made.positions.weight.mul_(5)
    return made


@pytest.fixture(scope="module")
def model():
    return gpt(3, 0)


def prompt(length=5, seed=4):
    return torch.randint(V, (1, length), generator=torch.Generator().manual_seed(seed))


class Scripted:
    """Proposes the right tokens, as many of them as `right` says in turn, and wrong ones behind them."""

    def __init__(self, text, right):
        self.text, self.right = text, itertools.cycle(right)

    def begin(self, max_len):
        def propose(text, n):
            tokens = self.text[len(text) : len(text) + n].clone()
            tokens[next(self.right) :] += 1
            return Proposal(tokens % V)

        return propose


@pytest.mark.parametrize("n", [1, 2, 7, MAX - 5 + 1])  # the last token has no need of room
@pytest.mark.parametrize("n_drafted", [1, 3, 50])
@pytest.mark.parametrize("right", [[0], [99], [2, 0, 1]])
def test_greedy_text_is_the_same_whatever_is_drafted(model, n, n_drafted, right):
    want = generate(model, prompt(), n)
    found = speculate(model, prompt(), n, draft=Scripted(want[0], right), n_drafted=n_drafted)
    assert torch.equal(found.tokens, want)
    assert found.n_passes + found.n_accepted == n
    if right == [0]:
        assert (found.n_passes, found.n_accepted) == (n, 0)
    if right == [99]:
        assert found.n_passes == math.ceil(n / (n_drafted + 1))
        assert found.n_drafted == found.n_accepted


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("n_drafted", [1, 4])
def test_greedy_text_is_the_same_with_each_draft(model, seed, n_drafted):
    given = prompt(3 + 2 * seed, seed)
    want = generate(model, given, 23)
    assert len(want.unique()) > 5  # or it would prove little
    for draft in (TextLookup(), SmallModel(model), SmallModel(gpt(1, 1))):
        found = speculate(model, given, 23, draft=draft, n_drafted=n_drafted)
        assert torch.equal(found.tokens, want)
        if isinstance(draft, SmallModel) and draft.model is model:  # it drafts its own text
            assert found.n_passes == math.ceil(23 / (n_drafted + 1))


def test_the_text_ends_at_eos_wherever_in_a_draft_it_stands(model):
    text = generate(model, prompt(), 31)
    for place in range(8, 16):
        eos_id = int(text[0, place])
        want = generate(model, prompt(), 31, eos_id=eos_id)
        for right in ([99], [0], [1, 2]):
            found = speculate(model, prompt(), 31, draft=Scripted(text[0], right), eos_id=eos_id)
            assert torch.equal(found.tokens, want)


def test_a_small_model_reads_again_only_what_has_changed(model):
    lengths, small = [], gpt(1, 1)
    small.register_forward_pre_hook(lambda _, inputs: lengths.append(inputs[0].shape[1]))
    speculate(model, prompt(), 17, draft=SmallModel(small), n_drafted=4)
    assert lengths[:4] == [5, 1, 1, 1]
    assert max(lengths[4:]) <= 2  # behind a draft that stood as a whole, its last token and the one that came behind it


def test_a_small_model_with_less_room_drafts_as_far_as_it_can(model):
    torch.manual_seed(1)
    small = GPT(GPTConfig(V, 22, 1, 2, 31, max_len=9)).double().eval()
    found = speculate(model, prompt(), 23, draft=SmallModel(small))
    assert torch.equal(found.tokens, generate(model, prompt(), 23))


def test_what_was_written_can_be_trained_on(model):
    found = speculate(model, prompt(), 5, draft=TextLookup())
    (gradient,) = torch.autograd.grad(model.next_token_loss(found.tokens), model.tokens.weight)
    assert gradient.any()


@pytest.mark.parametrize(
    ("text", "n", "want"),
    [
        ([1, 2, 3, 9, 1, 2, 3], 2, [9, 1]),
        ([1, 2, 3, 9, 5, 2, 3, 7, 1, 2, 3], 2, [9, 5]),  # three tokens before two, though two stood later
        ([3, 7, 3, 8, 3], 1, [8]),  # the last time
        ([6, 7, 6, 7, 6], 5, [7, 6, 7, 6, 7]),  # a loop goes on
        ([4, 4], 3, [4, 4, 4]),
        ([1, 2, 3], 2, []),
        ([1], 2, []),
        ([1, 2, 1], 0, []),
    ],
)
def test_a_lookup_copies_what_stood_behind_the_last_time(text, n, want):
    found = TextLookup(longest=3).begin(99)(torch.tensor(text), n)
    assert found.tokens.tolist() == want
    assert found.shares is None


def test_a_lookup_gives_up_where_too_few_tokens_agree():
    propose = TextLookup(longest=3, shortest=2).begin(99)
    assert propose(torch.tensor([3, 7, 3]), 2).tokens.tolist() == []
    assert propose(torch.tensor([3, 4, 7, 3, 4]), 2).tokens.tolist() == [7, 3]


class Chain:
    """A decoder whose next token depends on the last one alone, by a table of logits (v, v)."""

    def __init__(self, seed):
        self.table = 2 * torch.randn(3, 3, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)

    def __call__(self, token_ids, *, caches=None):
        return self.table[token_ids]

    def new_caches(self, batch, max_len):
        return SimpleNamespace(truncate=lambda length: None)


def by_hand(model, n, temperature):
    """The probability of each continuation (n tokens) of token 0."""
    p = (model.table / temperature).softmax(-1)
    texts = list(itertools.product(range(3), repeat=n))
    return texts, [math.prod(float(p[a, b]) for a, b in itertools.pairwise((0, *text))) for text in texts]


@pytest.mark.parametrize("kind", ["drawn", "greedy", "lookup"])
def test_what_is_drawn_has_the_models_own_probabilities(kind):
    """Texts of three tokens, 27 in all, drawn 3000 times, against their probabilities; drafts of two tokens."""
    model, other, temperature, generator = Chain(0), Chain(1), 1.3, torch.Generator().manual_seed(2)
    choose = Sampling(generator, temperature=temperature)
    draft = {
        "drawn": SmallModel(other, Sampling(generator)),
        "greedy": SmallModel(other),
        "lookup": TextLookup(),
    }[kind]
    start, times = torch.zeros(1, 1, dtype=torch.int64), dict.fromkeys(itertools.product(range(3), repeat=3), 0)
    accepted = 0
    for _ in range(3000):
        found = speculate(model, start, 3, draft=draft, n_drafted=2, choose=choose)
        times[tuple(found.tokens[0, 1:].tolist())] += 1
        accepted += found.n_accepted
    texts, p = by_hand(model, 3, temperature)
    assert scipy.stats.chisquare([times[text] for text in texts], [3000 * share for share in p]).pvalue > 0.01
    assert accepted > 300  # or nothing was put to the test


def test_trouble_is_named(model):
    def propose(tokens, shares=None):
        return SimpleNamespace(begin=lambda max_len: lambda text, n: Proposal(torch.tensor(tokens), shares))

    call = {"draft": TextLookup()}
    sampling = Sampling(torch.Generator())
    for arguments, options, message in [
        ((torch.cat([prompt(), prompt()]), 3), call, r"must be one sequence \(1, i\), got \(2, 5\)"),
        ((prompt(), 0), call, r"max_new_tokens \(0\) must be at least 1"),
        ((prompt(), 38), call, r"max_new_tokens \(38\) must be at most 37 behind a prompt of 5 tokens"),
        ((prompt(), 3), call | {"n_drafted": 0}, r"n_drafted \(0\) must be at least 1"),
        ((prompt(), 3), call | {"eos_id": V}, rf"eos_id \({V}\) must be below the number of tokens"),
        ((prompt(), 3), {"draft": propose([1, 2, 3])}, r"draft must propose \(k,\) tokens, k at most 2, got \(3,\)"),
        ((prompt(), 3), {"draft": propose([[1]])}, r"draft must propose \(k,\) tokens, k at most 2, got \(1, 1\)"),
        ((prompt(), 3), {"draft": propose([V])}, f"must lie between 0 and {V - 1}"),
        (
            (prompt(), 3),
            {"draft": propose([1], torch.ones(2, V)), "choose": sampling},
            rf"shares must be \(1, {V}\), a row for each token, got \(2, {V}\)",
        ),
    ]:
        with pytest.raises(ValueError, match=message):
            speculate(model, *arguments, **options)
    for options, message in [
        ({"draft": None}, "draft.begin must be a function, got None"),
        ({"draft": SimpleNamespace(begin=lambda n: lambda text, n: [1])}, "draft must give a Proposal, got list"),
        (call | {"choose": lambda logits: logits.argmax(-1)}, "choose must be greedy or a Sampling, got <function"),
        (call | {"n_drafted": 2.0}, "n_drafted must be an integer, got 2.0"),
    ]:
        with pytest.raises(TypeError, match=message):
            speculate(model, prompt(), 3, **options)
    with pytest.raises(ValueError, match=r"shortest \(4\) must be between 1 and 3"):
        TextLookup(longest=3, shortest=4)
    with pytest.raises(TypeError, match="choose must be greedy or a Sampling, got 'greedy'"):
        SmallModel(model, "greedy")
    with pytest.raises(TypeError, match="model must be a function, got None"):
        SmallModel(None)
