"""Maps from and for BertViz, TransformerLens and inseq, none of them installed: shapes as they document them.

What BertViz 1.4.1, inseq 0.7.1 and the `ActivationCache` of TransformerLens 4.3.0 themselves made of these forms was
tried once by hand; `FROM_INSEQ` is a file that inseq wrote.
"""

import json

import pytest
import torch

from mha.view.exchange import (
    from_bertviz,
    from_inseq,
    from_transformer_lens,
    load_maps,
    save_maps,
    to_bertviz,
    to_inseq,
    to_transformer_lens,
)
from mha.view.explorer import Reading

SOURCE, TARGET = ["un", "##do", ".", "\u2581é", "</s>"], ["<pad>", "one", "$x$"]
N_LAYERS, N_HEADS = 2, 7


def maps(n_queries, n_keys, seed=0, causal=False):
    scores = torch.randn(N_LAYERS, N_HEADS, n_queries, n_keys, generator=torch.Generator().manual_seed(seed))
    later = torch.ones(n_queries, n_keys).triu(1).bool()
    return (scores.masked_fill(later, -torch.inf) if causal else scores).softmax(-1)


ALONE = Reading(SOURCE, maps(5, 5))
PAIR = Reading(SOURCE, {"encoder": maps(5, 5), "decoder": maps(3, 3, 1, True), "cross": maps(3, 5, 2)}, TARGET)
LONG = Reading(["a"] * 150, maps(150, 150))  # more than a page can show
WAYS = {
    "bertviz": lambda one: from_bertviz(to_bertviz(one)),
    "transformer_lens": lambda one: from_transformer_lens(to_transformer_lens(one), one.tokens, one.target_tokens),
    "inseq": lambda one: from_inseq(json.loads(json.dumps(to_inseq(one)))),
}


def assert_same(found, expected):
    assert list(found.tokens) == list(expected.tokens)
    assert found.target_tokens == expected.target_tokens
    if isinstance(expected.weights, dict):
        assert set(found.weights) == set(expected.weights)
        for kind, layers in expected.weights.items():
            torch.testing.assert_close(found.weights[kind], layers, rtol=0, atol=0)
    else:
        torch.testing.assert_close(found.weights, expected.weights, rtol=0, atol=0)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("reading", [ALONE, PAIR, LONG], ids=["alone", "pair", "long"])
def test_there_and_back_changes_nothing(way, reading):
    assert_same(WAYS[way](reading), reading)


def test_files_keep_maps_and_tokens(tmp_path):
    for name, reading in {"alone": ALONE, "pair": PAIR}.items():
        save_maps(tmp_path / name, reading)
        assert_same(load_maps(tmp_path / name), reading)


@pytest.mark.parametrize("kind", ["encoder", "decoder", "cross"])
def test_one_kind_alone_goes_through_bertviz_and_lens(kind):
    one = Reading(
        SOURCE if kind != "decoder" else TARGET, {kind: PAIR.weights[kind]}, None if kind == "encoder" else TARGET
    )
    assert_same(WAYS["bertviz"](one), one)
    assert_same(WAYS["transformer_lens"](one), one)


# ---- as the tools document it


def test_bertviz_gets_a_list_of_one_tensor_a_layer():
    alone, pair = to_bertviz(ALONE), to_bertviz(PAIR)
    assert set(alone) == {"attention", "tokens"}
    assert [tuple(layer.shape) for layer in alone["attention"]] == [(1, 7, 5, 5)] * 2
    assert set(pair) == {
        *("encoder_attention", "decoder_attention", "cross_attention"),
        *("encoder_tokens", "decoder_tokens"),
    }
    assert tuple(pair["cross_attention"][1].shape) == (1, 7, 3, 5)  # (1, heads, decoder, encoder)
    assert torch.equal(pair["cross_attention"][1][0], PAIR.weights["cross"][1])


def test_bertviz_arguments_about_the_drawing_are_left_out():
    given = to_bertviz(ALONE) | {"heads": [1], "layer": 0, "html_action": "return", "encoder_attention": None}
    assert_same(from_bertviz(given), ALONE)
    assert_same(from_bertviz(given | {"attention": tuple(layer[0] for layer in ALONE.weights[:, None])}), ALONE)


def test_lens_names_its_patterns():
    assert list(to_transformer_lens(ALONE)) == ["blocks.0.attn.hook_pattern", "blocks.1.attn.hook_pattern"]
    names = to_transformer_lens(PAIR)
    assert {
        "encoder_blocks.0.attn.hook_pattern",
        "decoder_blocks.0.self_attn.hook_pattern",
        "decoder_blocks.1.cross_attn.hook_pattern",
    } <= set(names)
    assert {tuple(tensor.shape) for tensor in names.values()} == {(1, 7, 5, 5), (1, 7, 3, 3), (1, 7, 3, 5)}


def test_a_cache_is_read_in_any_order_without_its_batch_and_by_its_old_names():
    cache = {name: tensor[0] for name, tensor in reversed(to_transformer_lens(ALONE).items())}
    cache |= {"blocks.0.attn.hook_attn_scores": torch.zeros(7, 5, 5), "hook_embed": torch.zeros(5, 2)}
    assert_same(from_transformer_lens(cache, SOURCE), ALONE)
    old = {"encoder_blocks": "encoder", "decoder_blocks": "decoder", "self_attn": "attn"}
    cache = to_transformer_lens(PAIR)
    for new, former in old.items():
        cache = {name.replace(new, former): tensor for name, tensor in cache.items()}
    assert "decoder.0.cross_attn.hook_pattern" in cache
    assert_same(from_transformer_lens(cache, SOURCE, TARGET), PAIR)


def test_eleven_layers_come_in_the_order_of_their_numbers():
    weights = torch.cat([maps(5, 5, seed) for seed in range(6)])[:11]
    cache = to_transformer_lens(Reading(SOURCE, weights))
    found = from_transformer_lens(dict(sorted(cache.items())), SOURCE)  # … 1, 10, 2 …
    assert torch.equal(found.weights, weights)


def packed(text):
    return f"SAAAAAAAAAB7ImF0dHJpYnV0aW9uIjp7ImR0eXBlIjoiRjMyIiwic2hhcGUiOls{text}"


def token(text, number):
    return {"__instance_type__": ["inseq.utils.typing", "TokenWithId"], "attributes": {"id": number, "token": text}}


FROM_INSEQ = {
    "__instance_type__": ["inseq.data.attribution", "FeatureAttributionOutput"],
    "attributes": {
        "info": {"attribution_method": "attention"},
        "sequence_attributions": [
            {
                "__instance_type__": [
                    "inseq.data.attribution",
                    "MultiDimensionalFeatureAttributionSequenceOutput",
                ],
                "attributes": {
                    "attr_pos_end": 3,
                    "attr_pos_start": 0,
                    "sequence_scores": {
                        "encoder_self_attentions": packed(
                            "yLDIsMSwxXSwiZGF0YV9vZmZzZXRzIjpbMCwxNl19fSAAAIA+AAAAPwAAQD8AAAA/"
                        )
                    },
                    "source": [token("un", 5), token("</s>", 1)],
                    "source_attributions": packed(
                        "yLDMsMSwxXSwiZGF0YV9vZmZzZXRzIjpbMCwyNF19fSAAAIA/AAAAPgAAAD8AAAAAAABgPwAAAD8="
                    ),
                    "step_scores": None,
                    "target": [token("<pad>", 0), token("one", 7), token("</s>", 1)],
                    "target_attributions": packed(
                        "zLDMsMSwxXSwiZGF0YV9vZmZzZXRzIjpbMCwzNl19fSAAAIA/AACAPgAAAD8AAMB/AABAPwAAgD4AAMB/AADAfwAAgD4="
                    ),
                },
            }
        ],
        "step_attributions": None,
    },
}
IN_IT = {  # as it was put in: rows are queries
    "encoder": [[0.25, 0.75], [0.5, 0.5]],
    "decoder": [[1.0, 0.0, 0.0], [0.25, 0.75, 0.0], [0.5, 0.25, 0.25]],
    "cross": [[1.0, 0.0], [0.125, 0.875], [0.5, 0.5]],
}


def without_types(one):
    if isinstance(one, dict):
        return {name: without_types(value) for name, value in one.get("attributes", one).items()}
    return [without_types(value) for value in one] if isinstance(one, list) else one


@pytest.mark.parametrize("form", [dict, without_types])
def test_a_file_of_inseq_is_read(form):
    found = from_inseq(form(FROM_INSEQ))
    assert (found.tokens, found.target_tokens) == (["un", "</s>"], ["<pad>", "one", "</s>"])
    assert {kind: layers[0, 0].tolist() for kind, layers in found.weights.items()} == IN_IT


def test_inseq_gets_keys_first_and_layers_before_heads():
    attributes = to_inseq(PAIR)["attributes"]["sequence_attributions"][0]["attributes"]
    attributes["source_attributions"] = PAIR.weights["cross"].permute(3, 2, 0, 1).tolist()  # nested lists, as before
    assert_same(from_inseq(to_inseq(PAIR) | {"attributes": {"sequence_attributions": [attributes]}}), PAIR)


def test_a_prompt_of_inseq_leaves_its_queries_out():
    weights = maps(5, 5, causal=True)
    attributes = {
        "source": [{"token": word, "id": 0} for word in SOURCE[:2]],
        "target": [{"token": word, "id": 0} for word in SOURCE],
        "target_attributions": weights[:, :, 2:].permute(3, 2, 0, 1).tolist(),
        "attr_pos_start": 2,
    }
    found = from_inseq({"sequence_attributions": [attributes]})
    assert (found.tokens, found.target_tokens) == (SOURCE, SOURCE[2:])
    assert torch.equal(found.weights["cross"], weights[:, :, 2:])


# ---- what does not fit


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: to_bertviz(ALONE.weights), TypeError, "reading must be a Reading, got Tensor"),
        (lambda: to_bertviz(Reading(SOURCE[:4], ALONE.weights)), ValueError, "one row for each of 4 query tokens"),
        (lambda: to_bertviz(Reading(SOURCE, 2 * ALONE.weights)), ValueError, "numbers from 0 to 1"),
        (lambda: to_bertviz(Reading(SOURCE, ALONE.weights.mT)), ValueError, "must sum to 1"),
        (lambda: from_bertviz([ALONE.weights]), TypeError, "arguments must be a mapping, got list"),
        (lambda: from_bertviz({"tokens": SOURCE}), ValueError, "must hold attention, or some of .* got tokens"),
        (lambda: from_bertviz(to_bertviz(ALONE) | to_bertviz(PAIR)), ValueError, "must hold attention, or some of"),
        (lambda: from_bertviz({"attention": ALONE.weights}), ValueError, "must hold tokens with these maps"),
        (
            lambda: from_bertviz({"cross_attention": PAIR.weights["cross"], "decoder_tokens": TARGET}),
            ValueError,
            "must hold encoder_tokens",
        ),
        (lambda: from_transformer_lens(ALONE.weights.tolist(), SOURCE), TypeError, "mapping or an ActivationCache"),
        (lambda: from_transformer_lens({"hook_embed": 0}, SOURCE), ValueError, "got hook_embed"),
        (
            lambda: from_transformer_lens({"blocks.1.attn.hook_pattern": ALONE.weights[1]}, SOURCE),
            ValueError,
            "got no blocks.0.attn.hook_pattern beside blocks.1.attn",
        ),
        (
            lambda: from_transformer_lens({"blocks.0.attn.hook_pattern": ALONE.weights}, SOURCE),
            ValueError,
            "a batch of 2: pick one",
        ),
        (lambda: to_inseq(Reading(SOURCE, {"encoder": PAIR.weights["encoder"]})), ValueError, "as plain weights"),
        (lambda: from_inseq([]), TypeError, "content must be a mapping, got list"),
        (lambda: from_inseq({"info": {}}), ValueError, "must hold sequence_attributions, got info"),
        (lambda: from_inseq(FROM_INSEQ, sequence=1), ValueError, "must be between 0 and 0"),
        (lambda: from_inseq(inseq_of("b64:AAAA")), ValueError, "base64 of a safetensors file"),
        (lambda: from_inseq(inseq_of({"__ndarray__": "b64:AAAA"})), ValueError, "save with 0.7"),
        (lambda: from_inseq(inseq_of([[1.0]])), ValueError, r"axes \(key, query, layer, head\), got shape \(1, 1\)"),
        (lambda: from_inseq(inseq_of(None)), ValueError, "must hold scores of sequence 0"),
        (lambda: from_inseq(inseq_of([[[[0.5]]]])), ValueError, "must sum to 1"),
    ],
)
def test_errors_say_what_was_expected(call, error, message):
    with pytest.raises(error, match=message):
        call()


def inseq_of(scores):
    return {"sequence_attributions": [{"source": [], "target": [{"token": "a"}], "target_attributions": scores}]}


def test_files_that_are_none_are_refused(tmp_path):
    from safetensors.torch import save_file

    (tmp_path / "text").write_text("no tensors here")
    with pytest.raises(ValueError, match="is no safetensors file"):
        load_maps(tmp_path / "text")
    save_file({"blocks.0.attn.hook_pattern": torch.ones(1, 1, 1, 1)}, tmp_path / "bare")
    with pytest.raises(ValueError, match="holds no tokens"):
        load_maps(tmp_path / "bare")
    with pytest.raises(FileNotFoundError):
        load_maps(tmp_path / "nothing")
