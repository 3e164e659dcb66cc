"""The models beside those of transformers, and beside a floor: a training step, decoding with a cache, the encoder.

    python -m benchmarks.models [--rounds 20] [--only "step 4/4/128/128/16"]

Both sides have the same sizes, the same weights (copied over), no dropout, float32, and all threads torch takes. A
training step is forward, cross-entropy of each next token, backward, clipping and AdamW (torch's fused one, for both).
Decoding is greedy, 200 tokens behind a prompt of 16. The ragged batch has 32 sequences of 8 to 128 tokens, the lengths
evenly spread, in mixed order: transformers gets it padded with an attention mask, as `encode_by_length` does. The floor
is what no way of computing the same can leave out, matrix products and attention kernels: see `benchmarks.floors`. A
training step's has no optimizer in it, and that of the ragged batch no padding.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from importlib import metadata
from typing import Any

import torch
from torch import Tensor, nn
from tqdm import tqdm
from transformers import BertConfig, BertModel, GPT2Config, GPT2LMHeadModel

from benchmarks import floors
from benchmarks.stored import milliseconds, ratio, save_results
from mha.checkpoint import load_weights
from mha.generate import generate
from mha.masks import padding_mask
from mha.measure.timing import time_calls
from mha.models.bert import Encoder
from mha.models.gpt import GPT, GPTConfig
from mha.models.pretrained import load_minilm
from mha.models.ragged import encode_by_length

Calls = dict[str, Callable[[], object]]
VOCAB_SIZE, PROMPT, NEW_TOKENS = 8192, 16, 200


@dataclass(frozen=True)
class Size:
    """Of a GPT, and of the batch it is trained on."""

    n_layers: int
    n_heads: int
    d_model: int
    length: int
    batch: int

    def __str__(self) -> str:
        return f"{self.n_layers}/{self.n_heads}/{self.d_model}/{self.length}/{self.batch}"


SIZES = [Size(4, 4, 128, 128, 16), Size(6, 6, 384, 256, 8)]


def gpt_pair(size: Size) -> tuple[GPT, GPT2LMHeadModel]:
    """Ours and transformers' GPT-2 with the same weights."""
    max_len = max(size.length, PROMPT + NEW_TOKENS)
    theirs = GPT2LMHeadModel(
        GPT2Config(
            vocab_size=VOCAB_SIZE, n_embd=size.d_model, n_layer=size.n_layers, n_head=size.n_heads, n_positions=max_len,
            resid_pdrop=0, embd_pdrop=0, attn_pdrop=0, bos_token_id=None, eos_token_id=None, attn_implementation="sdpa",
        )
    )  # fmt: skip
    ours = GPT(GPTConfig(VOCAB_SIZE, size.d_model, size.n_layers, size.n_heads, 4 * size.d_model, max_len))
    load_weights(ours, theirs.state_dict())
    return ours, theirs


def losses(size: Size, pair: tuple[GPT, GPT2LMHeadModel]) -> dict[str, tuple[nn.Module, Callable[[], Tensor]]]:
    """Each model, and its mean loss over the next tokens of the same batch."""
    tokens = torch.randint(VOCAB_SIZE, (size.batch, size.length), generator=torch.Generator().manual_seed(0))
    ours, theirs = pair
    return {
        "mha": (ours, lambda: ours.next_token_loss(tokens)),
        "transformers": (theirs, lambda: theirs(tokens, labels=tokens).loss),
    }


def training_steps(size: Size) -> Calls:
    """One update each; the weights move on from call to call."""
    pair = gpt_pair(size)
    steps = {name: _step(model, loss) for name, (model, loss) in losses(size, pair).items()}
    return {**steps, "floor": floors.training_step(pair[0], [size.length - 1] * size.batch)}


def _step(model: nn.Module, loss: Callable[[], Tensor]) -> Callable[[], object]:
    model.train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4, fused=True)

    def step() -> None:
        optimizer.zero_grad(set_to_none=True)
        loss().backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()

    return step


def decoding(size: Size, batch: int = 1) -> Calls:
    """Greedy, with a cache; both give the same tokens."""
    ours, theirs = (model.eval() for model in gpt_pair(size))
    prompt = torch.randint(VOCAB_SIZE, (batch, PROMPT), generator=torch.Generator().manual_seed(0))
    options: dict[str, Any] = {"do_sample": False, "pad_token_id": 0, "attention_mask": torch.ones_like(prompt)}
    return {
        "mha": lambda: generate(ours, prompt, NEW_TOKENS),
        "transformers": lambda: theirs.generate(prompt, max_new_tokens=NEW_TOKENS, **options),
        "floor": floors.decoding(ours, NEW_TOKENS),
    }


def encoding(ragged: bool) -> Calls:
    """The pretrained encoder on 32 x 64 tokens, or on 32 sequences of 8 to 128."""
    ours, theirs = minilm_pair()
    generator = torch.Generator().manual_seed(0)
    tokens = torch.randint(1000, ours.config.vocab_size, (32, 128 if ragged else 64), generator=generator)
    if not ragged:
        return {
            "mha": _inference(lambda: ours(tokens)),
            "transformers": _inference(lambda: theirs(tokens)[0]),
            "floor": floors.forward_pass(ours, [64] * 32),
        }
    lengths = torch.linspace(8, 128, 32).round().long()[torch.randperm(32, generator=generator)]
    key_mask = padding_mask(lengths, 128)
    tokens, mask = tokens * key_mask, key_mask.long()
    return {
        "mha": _inference(lambda: encode_by_length(ours, tokens, key_mask=key_mask)),
        "transformers": _inference(lambda: theirs(tokens, attention_mask=mask)[0]),
        "mha, padded": _inference(lambda: ours(tokens, key_mask=key_mask)),
        "floor": floors.forward_pass(ours, lengths.tolist()),
    }


def minilm_pair() -> tuple[Encoder, BertModel]:
    """The pretrained encoder here and in transformers."""
    ours, _ = load_minilm()
    c = ours.config
    config = BertConfig(
        vocab_size=c.vocab_size, hidden_size=c.d_model, num_hidden_layers=c.n_layers, num_attention_heads=c.n_heads,
        intermediate_size=c.d_ff, max_position_embeddings=c.max_len, layer_norm_eps=c.layer_norm_eps,
        hidden_dropout_prob=0, attention_probs_dropout_prob=0, attn_implementation="sdpa",
    )  # fmt: skip
    theirs = BertModel(config, add_pooling_layer=False).eval()
    theirs.load_state_dict(ours.checkpoint_views())
    return ours, theirs


def _inference(call: Callable[[], object]) -> Callable[[], object]:
    def under_inference_mode() -> object:
        with torch.inference_mode():
            return call()

    return under_inference_mode


CASES: dict[str, Callable[[], Calls]] = {
    **{f"step {size}": lambda size=size: training_steps(size) for size in SIZES},
    **{f"decode {size}": lambda size=size: decoding(size) for size in SIZES},
    "encode 32 x 64": lambda: encoding(ragged=False),
    "encode ragged": lambda: encoding(ragged=True),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--only", choices=CASES, help="one case; nothing is stored then")
    options = parser.parse_args()
    names = [options.only] if options.only else CASES
    cells = [{"case": name, **compared(time_calls(CASES[name](), rounds=options.rounds))} for name in tqdm(names)]
    print(table(cells))
    if not options.only:
        versions = {"transformers": metadata.version("transformers"), "rounds": options.rounds}
        print(save_results("models", versions | {"cells": cells}))


def compared(times: dict[str, list[float]]) -> dict[str, Any]:
    """Medians and spread in milliseconds, and the two ratios that count."""
    return {
        "milliseconds": milliseconds(times),
        "ratio_to_transformers": ratio(times, "mha", "transformers"),
        "ratio_to_floor": ratio(times, "mha", "floor"),
    }


def table(cells: list[dict[str, Any]]) -> str:
    """One line a case: medians in milliseconds, then our ratio to each of the others with its quartiles."""
    names = ("mha", "transformers", "floor")
    heads = "".join(f"{name:>13}" for name in names)
    lines = [f"{'layers/heads/d_model/length/batch':34}{heads}   {'/ transformers':23}/ floor"]
    for cell in cells:
        medians = "".join(f"{cell['milliseconds'][name]['median']:13.2f}" for name in names)
        ratios = [cell[f"ratio_to_{name}"] for name in names[1:]]
        shown = "   ".join("{:.2f} [{:.2f}, {:.2f}]".format(*found) for found in ratios)
        lines.append(f"{cell['case']:34}{medians}   {shown}")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
