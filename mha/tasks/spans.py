"""Questions and passages as tokens, the span of an answer among them, and how an answer is scored."""

from __future__ import annotations

import re
import string
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import torch
from tokenizers import Tokenizer
from torch import Tensor

from mha.models.bert import Encoder
from mha.models.pretrained import encode
from mha.tasks.passages import Passage, place

__all__ = ["NO_ANSWER", "Batch", "TokenVectors", "as_batch", "exact_match", "f1", "normalised"]

NO_ANSWER = 0  # the place of [CLS], which stands for "not in the passage"
ARTICLES = re.compile(r"\b(a|an|the)\b")
PUNCTUATION = str.maketrans("", "", string.punctuation)


class Batch(NamedTuple):
    """b passages as tokens [CLS] question [SEP] passage, padded.

    token_ids (b, i); vectors (b, i, e), of each token as the encoder gives it; segment_ids (b, i), 1 in the passage;
    key_mask bool (b, i); spans (b, 2), first and last token of the answer, `NO_ANSWER` twice where there is none;
    sentence_of (b, i), the sentence that a token stands in, -1 outside; answers (b, n, 2), the span of each sentence's
    own row; right (b,), the sentence that answers, -1 where none does.
    """

    token_ids: Tensor
    vectors: Tensor
    segment_ids: Tensor
    key_mask: Tensor
    spans: Tensor
    sentence_of: Tensor
    answers: Tensor
    right: Tensor


class TokenVectors:
    """What an encoder makes of each token of a text by itself; each text goes through once.

    Args:
        encoder, tokenizer: as `load_minilm` gives them.  texts: those that are known in advance.
    """

    def __init__(self, encoder: Encoder, tokenizer: Tokenizer, texts: Iterable[str] = ()) -> None:
        self.tokenizer, self._encoder = tokenizer, encoder
        self._known: dict[str, tuple[list[int], list[tuple[int, int]], Tensor]] = {}
        self.read(texts)

    @torch.no_grad()
    def read(self, texts: Iterable[str], batch_size: int = 64) -> None:
        """Encode what is not known yet, texts of like length together."""
        new = sorted({text for text in texts if text not in self._known}, key=lambda text: (len(text), text))
        for start in range(0, len(new), batch_size):
            some = new[start : start + batch_size]
            token_ids, key_mask = encode(self.tokenizer, some)
            hidden = self._encoder(token_ids, key_mask=key_mask)  # (b, i, e)
            for text, ids, vectors, real in zip(some, token_ids, hidden, key_mask, strict=True):
                offsets = self.tokenizer.encode(text).offsets
                self._known[text] = ids[real].tolist(), offsets, vectors[real].clone()

    def __getitem__(self, text: str) -> tuple[list[int], list[tuple[int, int]], Tensor]:
        """Ids, the characters of each token, and vectors (i, e), from [CLS] to [SEP]."""
        if text not in self._known:
            self.read([text])
        return self._known[text]


def as_batch(tokens: TokenVectors, passages: Sequence[Passage]) -> Batch:
    """Passages as one batch; the spans of sentences that a shorter passage lacks are [-1, -1].

    Raises:
        ValueError: there is no passage.
    """
    if not passages:
        raise ValueError("passages must hold at least one, got none")
    rows = [_row(tokens, one) for one in passages]
    ids, vectors, segments, sentence_of, spans, answers, right = zip(*rows, strict=True)
    token_ids = _padded(ids, 0)
    lengths = torch.tensor([len(row) for row in ids])
    return Batch(
        token_ids,
        torch.nn.utils.rnn.pad_sequence(vectors, batch_first=True),  # type: ignore[arg-type]  # a tuple will do
        _padded(segments, 0),
        torch.arange(token_ids.shape[1]) < lengths[:, None],
        torch.tensor(spans),
        _padded(sentence_of, -1),
        _padded(answers, -1),
        torch.tensor(right),
    )


def _row(tokens: TokenVectors, one: Passage) -> tuple[Any, ...]:
    ids, _, first = tokens[one.question]
    ids, vectors, sentence_of, answers = list(ids), [first], [-1] * len(ids), []
    segments = [0] * len(ids)
    for n, (sentence, row) in enumerate(zip(one.sentences, one.rows, strict=True)):
        inner, characters, hidden = tokens[sentence]
        start = place(sentence, row)
        inside = [k for k, (a, b) in enumerate(characters) if a < start + len(row.answer) and b > start]
        answers.append((len(ids) + inside[0] - 1, len(ids) + inside[-1] - 1))
        ids += inner[1:-1]  # without [CLS] and [SEP]
        vectors.append(hidden[1:-1])
        sentence_of += [n] * (len(inner) - 2)
    right = -1 if one.right is None else one.right
    span = (NO_ANSWER, NO_ANSWER) if right < 0 else answers[right]
    segments += [1] * (len(ids) - len(segments))
    return ids, torch.cat(vectors), segments, sentence_of, span, answers, right


def _padded(rows: Sequence[Sequence[Any]], padding: int) -> Tensor:
    return torch.nn.utils.rnn.pad_sequence([torch.tensor(row) for row in rows], batch_first=True, padding_value=padding)


def normalised(text: str) -> str:
    """Lower case, without punctuation, articles and further spaces, as SQuAD's scorer compares answers."""
    return " ".join(ARTICLES.sub(" ", text.lower().translate(PUNCTUATION)).split())


def exact_match(answer: str, expected: str) -> float:
    """1 if the two texts are equal once normalised, else 0; "" stands for no answer.

    Source: Rajpurkar et al. 2016.
    """
    return float(normalised(answer) == normalised(expected))


def f1(answer: str, expected: str) -> float:
    """Harmonic mean of precision and recall of the words of an answer; two empty texts are equal.

    Source: Rajpurkar et al. 2016, 2018.
    """
    got, wanted = (Counter(normalised(text).split()) for text in (answer, expected))
    common = (got & wanted).total()
    if not got or not wanted:
        return float(got == wanted)
    return 2 * common / (got.total() + wanted.total())
