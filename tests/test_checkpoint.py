"""Weights by name: as published files spell them, all or nothing, and what does not fit is named."""

import re

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from mha.checkpoint import copy_tensors, load_weights
from mha.models.bert import Encoder, EncoderConfig, MaskedLM
from mha.models.gpt import GPT, GPTConfig
from mha.models.t5 import T5, T5Config
from mha.models.xlnet import XLNet, XLNetConfig

V, M = 29, 22
SIZES = {"vocab_size": V, "d_model": M, "n_layers": 2, "n_heads": 2, "d_ff": 31}
MAKE = {
    "gpt": lambda: GPT(GPTConfig(**SIZES, max_len=13)),
    "bert": lambda: MaskedLM(EncoderConfig(**SIZES, max_len=13)),
    "encoder": lambda: Encoder(EncoderConfig(**SIZES, max_len=13)),
    "t5": lambda: T5(T5Config(**SIZES, head_dim=5)),
    "xlnet": lambda: XLNet(XLNetConfig(**SIZES)),
}
EMBEDDING = {
    "gpt": "transformer.wte.weight",
    "bert": "bert.embeddings.word_embeddings.weight",
    "t5": "shared.weight",
    "xlnet": "transformer.word_embedding.weight",
}
HEAD = {
    "gpt": "lm_head.weight",
    "bert": "cls.predictions.decoder.weight",
    "t5": "lm_head.weight",
    "xlnet": "lm_loss.weight",
}


def weights(name, seed=0):
    torch.manual_seed(seed)
    return {key: view.clone() for key, view in MAKE[name]().checkpoint_views().items()}


def of_the_hub(name):
    """The same weights as the files of gpt2, bert-base-uncased and t5-small name them, with what else these hold."""
    tensors = weights(name)
    if name == "gpt":
        tensors = {key.removeprefix("transformer."): tensor for key, tensor in tensors.items()}
        for layer in range(2):
            tensors[f"h.{layer}.attn.bias"] = torch.ones(13, 13).tril()[None, None]
            tensors[f"h.{layer}.attn.masked_bias"] = torch.tensor(-1e4)
    elif name in ("bert", "encoder"):
        tensors = {key if key.startswith(("bert.", "cls.")) else f"bert.{key}": t for key, t in tensors.items()}
        for new, old in {"LayerNorm.weight": "LayerNorm.gamma", "LayerNorm.bias": "LayerNorm.beta"}.items():
            tensors = {key.replace(new, old): tensor for key, tensor in tensors.items()}
        tensors["bert.embeddings.position_ids"] = torch.arange(13)[None]
        tensors["bert.pooler.dense.weight"] = torch.randn(M, M)
        tensors["cls.seq_relationship.bias"] = torch.randn(2)
        tensors.setdefault("cls.predictions.bias", torch.randn(V))
    elif name == "t5":
        for key in ("encoder.embed_tokens.weight", "decoder.embed_tokens.weight", "lm_head.weight"):
            tensors[key] = tensors["shared.weight"].clone()
        unread = "decoder.block.0.layer.1.EncDecAttention.relative_attention_bias.weight"
        tensors[unread] = torch.randn(32, 2)
    return tensors


def assert_holds(model, tensors):
    for name, view in model.checkpoint_views().items():
        assert torch.equal(view, tensors[name]), name


@pytest.mark.parametrize("name", MAKE)
def test_the_names_of_published_files_are_read(name):
    model = MAKE[name]()
    load_weights(model, of_the_hub(name))
    assert_holds(model, weights(name))


@pytest.mark.parametrize("name", HEAD)
def test_an_output_head_equal_to_the_embedding_stands_for_it_and_another_is_refused(name):
    model, tensors = MAKE[name](), weights(name)
    load_weights(model, tensors | {HEAD[name]: tensors[EMBEDDING[name]].double()})
    assert_holds(model, tensors)
    head_alone = dict(tensors)
    head_alone[HEAD[name]] = head_alone.pop(EMBEDDING[name])
    model = MAKE[name]()
    load_weights(model, head_alone)
    assert_holds(model, tensors)
    other = weights(name, seed=1)
    changed = other[EMBEDDING[name]].clone()
    changed[V - 1, M - 1] += 1e-3
    with pytest.raises(ValueError, match=rf"not equal: \['{EMBEDDING[name]} and {HEAD[name]}, for which the model has"):
        load_weights(model, other | {HEAD[name]: changed})
    assert_holds(model, tensors)


def test_a_bias_of_the_output_that_is_there_twice_is_compared_too():
    tensors = weights("bert") | {"cls.predictions.decoder.bias": torch.ones(V)}
    with pytest.raises(ValueError, match=r"cls.predictions.bias and cls.predictions.decoder.bias, for which"):
        load_weights(MAKE["bert"](), tensors)


def test_one_tensor_in_two_spellings_must_be_one():
    model, tensors = MAKE["gpt"](), weights("gpt")
    load_weights(model, tensors | {"ln_f.bias": tensors["transformer.ln_f.bias"].clone()})
    with pytest.raises(ValueError, match=r"transformer.ln_f.bias, of which ln_f.bias is another spelling"):
        load_weights(model, tensors | {"ln_f.bias": torch.ones(M)})


class Unwilling(Tensor):
    """Cannot be copied from."""

    @classmethod
    def __torch_function__(cls, function, types, args=(), kwargs=None):
        if function is Tensor.copy_:
            raise OSError("the disk is gone")
        return super().__torch_function__(function, types, args, kwargs or {})


@pytest.mark.parametrize(
    ("wrong", "error", "message"),
    [
        (torch.ones(3, dtype=torch.int8), ValueError, "of another kind: ['b: expected torch.float32, got torch.int8']"),
        (torch.ones(3) * 1j, ValueError, "of another kind: ['b: expected torch.float32, got torch.complex64']"),
        (torch.ones(3) > 0, ValueError, "of another kind: ['b: expected torch.float32, got torch.bool']"),
        (torch.ones(3).to_sparse(), ValueError, "b: got a tensor that is not dense (torch.sparse_coo"),
        (torch.ones(3, device="meta"), ValueError, "of another kind: ['b: got a tensor on the meta device']"),
        (np.ones(3), ValueError, "of another kind: ['b: got ndarray']"),
        (torch.full((3,), 1e300, dtype=torch.float64), ValueError, "too large for the model's dtype: ['b']"),
        (torch.ones(2), ValueError, "of another shape: ['b: expected (3,), got (2,)']"),
        (torch.ones(3).as_subclass(Unwilling), OSError, "the disk is gone"),
    ],
)
def test_what_cannot_be_copied_is_refused_before_anything_is(wrong, error, message):
    targets = {name: torch.zeros(3) for name in "abc"}
    with pytest.raises(error, match=re.escape(message)):
        copy_tensors(targets, {"a": torch.ones(3), "b": wrong, "c": torch.ones(3)})
    assert not any(target.any() for target in targets.values())


def test_a_model_without_memory_is_refused():
    with torch.device("meta"):
        model = MAKE["gpt"]()
    with pytest.raises(ValueError, match=r"transformer.wte.weight: the model is on the meta device"):
        load_weights(model, weights("gpt"))


def test_a_model_made_in_inference_mode_is_refused_whole():
    targets = {"a": torch.zeros(3)}
    with torch.inference_mode():
        targets["b"] = torch.zeros(3)
    with pytest.raises(ValueError, match="b: the model was made in inference mode"):
        copy_tensors(targets, {"a": torch.ones(3), "b": torch.ones(3)})
    assert not targets["a"].any()


def test_tensors_that_share_memory_with_the_targets_change_places():
    layer = nn.Linear(3, 2, bias=False)
    targets = {"first": layer.weight.data[0], "second": layer.weight.data[1]}
    first, second = layer.weight.detach().clone()
    copy_tensors(targets, {"first": targets["second"], "second": targets["first"]})
    assert torch.equal(layer.weight, torch.stack([second, first]))


def test_another_width_of_float_is_converted():
    target = torch.zeros(3, dtype=torch.bfloat16)
    copy_tensors({"a": target}, {"a": torch.tensor([1.0, torch.inf, 3.0], dtype=torch.float64)})
    assert target.tolist() == [1.0, float("inf"), 3.0]


def test_what_is_no_checkpoint_or_no_model_is_named():
    with pytest.raises(TypeError, match="tensors must be a mapping of names to tensors, got list"):
        load_weights(MAKE["gpt"](), [torch.ones(3)])
    with pytest.raises(TypeError, match=r"model must be one of mha.models, which names its weights, got Linear"):
        load_weights(nn.Linear(2, 3), {})


def test_all_that_does_not_fit_is_named_at_once():
    targets = {"a": torch.zeros(3), "b": torch.zeros(2)}
    with pytest.raises(
        ValueError, match=r"missing: \['a'\]; surplus: \['c'\]; of another shape: \['b: expected \(2,\)"
    ):
        copy_tensors(targets, {"b": torch.ones(3), "c": torch.ones(1)})
