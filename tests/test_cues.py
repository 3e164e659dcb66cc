"""Words on which an answer turns: their places, the weight they get, and an answer without attention to them."""

import pytest
import torch
from torch import nn

from mha.interpret.cues import edges_to, logits_without_edges, maps_of, places_of, weight_on, word_places
from mha.models.bert import Encoder, EncoderConfig
from mha.models.pretrained import load_minilm

TEXT = "Although the soup was never overpriced, we did not go."


class Mean(nn.Module):
    """The encoder, and the sum of its vectors' first channel as the answer."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        sizes = {"vocab_size": 11, "d_model": 12, "n_layers": 2, "n_heads": 3, "d_ff": 20, "max_len": 17}
        self.encoder = Encoder(EncoderConfig(**sizes)).eval()

    def forward(self, token_ids, key_mask):
        return self.encoder(token_ids, key_mask=key_mask)[..., 0].sum(-1)


IDS = torch.tensor([[3, 1, 4, 1, 5, 9, 2]])


def test_the_places_of_a_phrase_are_those_of_its_tokens():
    _, tokenizer = load_minilm()
    tokens = tokenizer.encode(TEXT).tokens
    assert [tokens[n] for n in places_of(tokenizer, TEXT, "not")] == ["not"]
    assert [tokens[n] for n in places_of(tokenizer, TEXT, "although")] == ["although"]
    assert "".join(tokens[n].removeprefix("##") for n in places_of(tokenizer, TEXT, "overpriced")) == "overpriced"
    assert len(places_of(tokenizer, TEXT, "soup was")) == 2
    with pytest.raises(ValueError, match="whole words, got 'sou'"):
        places_of(tokenizer, TEXT, "sou")


def test_every_token_but_special_ones_and_punctuation_belongs_to_one_word():
    _, tokenizer = load_minilm()
    groups, tokens = word_places(tokenizer, TEXT), tokenizer.encode(TEXT).tokens
    assert len(groups) == 10
    left = [tokens[n] for n in range(len(tokens)) if not any(n in group for group in groups)]
    assert left == ["[CLS]", ",", ".", "[SEP]"]


def test_weight_on_two_keys_is_their_sum_from_every_other_query():
    maps = torch.rand(2, 5, 5, generator=torch.Generator().manual_seed(1)).softmax(-1)
    by_hand = torch.stack([maps[:, n, 1] + maps[:, n, 3] for n in (0, 2, 4)]).mean(0)
    torch.testing.assert_close(weight_on(maps, [1, 3]), by_hand)
    torch.testing.assert_close(weight_on(maps, [1], [3]), maps[:, 3, 1])
    with pytest.raises(ValueError, match="another query"):
        weight_on(maps, [1], [1])


def test_edges_to_a_group_leave_those_among_its_own():
    edges = edges_to([[1], [0, 2]], 3)
    assert edges.tolist() == [
        [[False, True, False], [False, False, False], [False, True, False]],
        [[False, False, False], [True, False, True], [False, False, False]],
    ]


def test_without_edges_to_a_token_the_answer_does_not_see_it_but_in_its_own_row():
    model = Mean()
    one = logits_without_edges(model, IDS, [[2], [2, 5]])
    changed = IDS.clone()
    changed[0, 2] = 7

    def others(ids):  # what all rows but the cut one come to
        states = {}
        hook = model.encoder.register_forward_hook(lambda *call: states.update(out=call[-1]))
        logits_without_edges(model, ids, [[2]])
        hook.remove()
        return states["out"][0, [0, 1, 3, 4, 5, 6]]

    torch.testing.assert_close(others(IDS), others(changed), rtol=0, atol=1e-6)
    whole = model(IDS, torch.ones_like(IDS, dtype=torch.bool))
    assert one.shape == (2,)
    assert (one - whole).abs().min() > 1e-4
    assert len({float(x) for x in one}) == 2


def test_one_head_can_be_cut_alone_and_none_named_is_all():
    model = Mean()
    everything = [(layer, head) for layer in range(2) for head in range(3)]
    torch.testing.assert_close(
        logits_without_edges(model, IDS, [[2]]), logits_without_edges(model, IDS, [[2]], everything)
    )
    assert (
        float((logits_without_edges(model, IDS, [[2]], [(0, 1)]) - logits_without_edges(model, IDS, [[2]])).abs()) > 0
    )
    assert maps_of(model, IDS).shape == (2, 3, 7, 7)
