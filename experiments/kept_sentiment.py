"""One fine-tuned encoder of `sentiment_encoders`, kept to be read with and looked into: seed 0, asked about part 0.

Its weights fill 90 MB. What fine-tuning changed of each matrix is kept at rank `RANK`, in 16 bits; the row says what
the whole model and the kept one answer, so that a chapter may say how far they agree. Budget: 1 core-minute.
"""

from __future__ import annotations

from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer

from experiments.runner import RESULTS, Row, main
from experiments.sentiment_encoders import Reader, fresh_encoder, scores, tuned
from mha.compress.low_rank import add_changes, low_rank_changes
from mha.models.pretrained import load_minilm
from mha.tasks.sentiment import sentiment_pairs

METHOD, PART, RANK = "fine-tuned", 0, 16
KEPT = RESULTS / "kept_sentiment.safetensors"
RUNS: list[Row] = [{"seed": 0}]


def untouched() -> Reader:
    """The pretrained encoder, and a linear layer of zeros."""
    reader = Reader(load_minilm()[0])
    reader.read.weight.data.zero_()
    reader.read.bias.data.zero_()
    return reader.eval()


def kept() -> tuple[Reader, Tokenizer]:
    """The fine-tuned encoder, as far as it is kept."""
    reader = untouched()
    add_changes(reader, load_file(KEPT))
    return reader, fresh_encoder(METHOD, 0)[1]


def run(seed: int) -> Row:
    """Train it, keep it, and ask both."""
    learned = [pair for pair in sentiment_pairs() if pair.part != PART]
    asked = [pair for pair in sentiment_pairs() if pair.part == PART]
    reader, tokenizer = tuned(METHOD, learned, seed)
    save_file(low_rank_changes(untouched(), reader, RANK), KEPT)
    return {"whole": scores(reader, tokenizer, asked), "kept": scores(*kept(), asked)}


if __name__ == "__main__":
    main("kept_sentiment")
