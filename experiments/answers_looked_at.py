"""What the rest of the passage looks at: the readers of `span_readers`, trained again, in a direction not asked there.

`span_readers` asks what passes between the question and an answer. Here it is what the words of the other sentences
look at: their mean weight on the answer of a row, a token of it. Asked as there: how often the right row gets most
among the rows of its kind, by the mean over heads and by a head chosen on other questions; how often the sentence that
was read gets most of all eight; and which right answers are lost where the other sentences may not read the right one,
or, as a control, another one. It was decided on after that table was seen, on the map of one question.
"""

from __future__ import annotations

import torch
from torch import Tensor

from experiments.runner import Row, main
from experiments.span_readers import LOOKED_AT, questions, read, tokens, train
from mha.interpret.span_attention import found
from mha.models.span_reader import SpanReader, SpanReaderConfig
from mha.recording import record_attention
from mha.tasks.spans import Batch, as_batch

RUNS: list[Row] = [{"seed": seed} for seed in range(5)]


def received(weights: Tensor, batch: Batch) -> Tensor:
    """The mean weight of the other sentences' words on the answer of each sentence's row, a token of it.

    Args:
        weights: (n_layers, b, h, i, i).  batch: of passages of n sentences each.
    Returns:
        (n_layers, h, b, n).
    """
    n, places = batch.answers.shape[1], torch.arange(weights.shape[-1])
    inside = (places >= batch.answers[..., :1]) & (places <= batch.answers[..., 1:])  # (b, n, i)
    stands = batch.sentence_of[:, None]  # (b, 1, i)
    others = (stands >= 0) & (stands != torch.arange(n)[None, :, None])  # (b, n, i)
    shares = [each.to(weights.dtype) / each.sum(-1, keepdim=True) for each in (others, inside)]
    return torch.einsum("lbhij,bni,bnj->lhbn", weights, *shares)


def hidden(batch: Batch, sentences: Tensor) -> Tensor:
    """A mask (b, 1, i, i) under which no other sentence reads `sentences` (b,), in every block and head."""
    told = batch.sentence_of == sentences[:, None]  # (b, i)
    others = (batch.sentence_of >= 0) & ~told
    return ~(others[:, :, None] & told[:, None, :])[:, None]


def looked(model: SpanReader, part: str) -> tuple[Tensor, Batch, Tensor]:
    """What each answer receives (layer, head, b, n), the batch, and which rows are of the kind asked for (b, n)."""
    some = questions(part, LOOKED_AT)
    batch = as_batch(tokens(), some)
    with record_attention(model) as maps:
        model(batch.vectors, batch.segment_ids, key_mask=batch.key_mask)
    alike = torch.tensor([[row.kind == one.asked.kind for row in one.rows] for one in some])
    return received(maps.stack(), batch), batch, alike


def share(hits: Tensor) -> float | None:
    """None of no hits at all."""
    return round(float(hits.double().mean()), 4) if len(hits) else None


def measure(model: SpanReader) -> Row:
    """All that the module's first lines name; "read" is how often the right row was read."""
    weights, batch, alike = looked(model, "choose")
    by_head = found(weights, batch, alike).double().mean(-1)  # (layer, head)
    layer, head = divmod(int(by_head.argmax()), by_head.shape[1])
    weights, batch, alike = looked(model, "judge")
    read_at = batch.sentence_of.gather(1, read(model, batch)[0])[:, 0]
    right, named = read_at == batch.right, weights.mean((0, 1)).argmax(-1) == read_at
    lost: Row = {}
    for whose, sentences in (("right", batch.right), ("other", (batch.right + 1) % LOOKED_AT)):
        now = batch.sentence_of.gather(1, read(model, batch, hidden(batch, sentences))[0])[:, 0]
        lost[whose] = share((now != batch.right)[right])
    return {
        "read": share(right),
        "mean": share(found(weights.mean((0, 1)), batch, alike)),
        "chosen": share(found(weights[layer, head], batch, alike)),
        "head": [layer, head],
        "named": {"right": share(named[right]), "wrong": share(named[~right])},
        "lost": lost,
    }


def run(seed: int) -> Row:
    """Train the reader of a seed again, and one that stays as it was drawn; ask both."""
    model = train(seed)
    with torch.no_grad():
        asked = measure(model)
        torch.manual_seed(1000 + seed)
        return asked | {"untrained": measure(SpanReader(SpanReaderConfig()).eval())}


if __name__ == "__main__":
    main("answers_looked_at")
