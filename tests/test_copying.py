"""The copying decoder: its probabilities by hand, what cannot leak, and cached writing against all at once."""

from __future__ import annotations

import pytest
import torch
from torch.testing import assert_close

from mha.generate import generate
from mha.models.copying import CopyOutput, Summariser, SummariserConfig, VocabularyOutput

CONFIG = SummariserConfig(vocab_size=13, d_model=8, n_layers=2, n_heads=2, d_ff=11, max_distance=17)
OUTPUTS = {"copying": CopyOutput, "vocabulary": VocabularyOutput}


def model_of(output: str) -> Summariser:
    torch.manual_seed(3)
    return Summariser(CONFIG, OUTPUTS[output](CONFIG)).double().eval()


def batch() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(7)
    source = torch.randint(3, 13, (3, 7), generator=generator)
    source[1, 5:] = 0
    source[:, 3] = source[:, 1]  # a word that stands twice
    return source, torch.randint(1, 13, (3, 5), generator=generator), source != 0


def test_a_word_gets_its_share_of_the_vocabulary_and_of_each_place_that_holds_it():
    model, (source, ids, mask) = model_of("copying"), batch()
    found = model.copied(source, ids, key_mask=mask)
    states = {}
    model.norms["writes"].register_forward_hook(lambda _, __, out: states.update(x=out))
    log_probs = model(source, ids, key_mask=mask)
    vocabulary = model.output.logits(states["x"]).softmax(-1)
    for b in range(3):
        for i in range(5):
            for word in range(13):
                copied = sum(found.weights[b, i, j] for j in range(7) if source[b, j] == word and mask[b, j])
                share = found.generated[b, i]
                expected = share * vocabulary[b, i, word] + (1 - share) * copied
                assert_close(log_probs[b, i, word].exp(), expected, atol=1e-8, rtol=0)
    assert_close(log_probs.exp().sum(-1), torch.ones(3, 5).double(), atol=1e-6, rtol=0)
    assert 0 < found.generated.min() < found.generated.max() < 1


@pytest.mark.parametrize("output", OUTPUTS)
def test_later_words_and_padding_change_nothing(output):
    model, (source, ids, mask) = model_of(output), batch()
    whole = model(source, ids, key_mask=mask)
    changed = ids.clone()
    changed[:, 3:] = 4
    assert_close(model(source, changed, key_mask=mask)[:, :3], whole[:, :3])
    padded = torch.where(mask, source, 9)
    assert_close(model(padded, ids, key_mask=mask), whole)
    assert_close(model(source[1:2, :5], ids[1:2], key_mask=mask[1:2, :5]), whole[1:2])


@pytest.mark.parametrize("output", OUTPUTS)
def test_cached_writing_takes_the_likeliest_word_each_time(output):
    model, (source, _, mask) = model_of(output), batch()
    start = torch.full((3, 1), 1)
    written = generate(model.writer_for(source, mask), start, 6, eos_id=2)[:, 1:]
    ids = torch.full((3, 1), 1)
    for _ in range(written.shape[1]):
        ids = torch.cat([ids, model(source, ids, key_mask=mask)[:, -1:].argmax(-1)], dim=1)
    for row, expected in zip(written.tolist(), ids[:, 1:].tolist(), strict=True):
        end = row.index(2) if 2 in row else len(row)
        assert row[: end + 1] == expected[: end + 1]
        assert set(row[end:]) <= {2}


def test_a_model_without_copying_has_no_weights_of_it():
    source, ids, mask = batch()
    with pytest.raises(TypeError, match="CopyOutput, got VocabularyOutput"):
        model_of("vocabulary").copied(source, ids, key_mask=mask)
