"""The public sets that these tasks are known by, from a file of yours or from the Hugging Face hub.

Nothing of them comes with the package: `datasets`, an optional dependency, reads tables and talks to the hub. A file
is read as it is published: JSON lines, CSV, TSV without quotes, or Parquet; for SQuAD also its own JSON.
"""

from __future__ import annotations

import csv
import glob
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar

from mha.tasks.cldr import Pair
from mha.tasks.records import Asked, Headed, Rated, Span
from mha.validation import check_choice, check_integer

__all__ = ["cnn_dailymail", "multi30k", "squad", "sst2"]

HUB = {
    "multi30k": ("bentrevett/multi30k", None),
    "cnn_dailymail": ("abisee/cnn_dailymail", "3.0.0"),
    "sst2": ("stanfordnlp/sst2", None),
    "squad": ("rajpurkar/squad", None),
    "squad_v2": ("rajpurkar/squad_v2", None),
}
TEXT: dict[str, Any] = {"keep_default_na": False}  # a text may read "null"
READERS: dict[str, tuple[str, dict[str, Any]]] = {  # suffix -> the reader of `datasets` and its options
    ".jsonl": ("json", {}),
    ".csv": ("csv", TEXT),
    ".tsv": ("csv", TEXT | {"sep": "\t", "quoting": csv.QUOTE_NONE}),
    ".parquet": ("parquet", {}),
}
REMEDY = "pip install datasets, or where you have the course pip install -e '.[datasets]'"
LABELS = {0: False, 1: True, "0": False, "1": True}  # words where a CSV file holds more than numbers

Record = Mapping[str, Any]
T = TypeVar("T")


def multi30k(
    source: str | Path = "hub",
    *,
    split: str = "train",
    languages: tuple[str, str] = ("en", "de"),
    limit: int | None = None,
) -> tuple[Pair, ...]:
    """Captions of pictures, and their translations.

    Args:
        source: a file, or "hub".  split: on the hub, "train", "validation" or "test".
        languages: the columns to translate from and to.  limit: how many to read, from the first on; all if None.
    Raises:
        ModuleNotFoundError: `datasets` is not installed.  FileNotFoundError: there is no such file.
        ConnectionError: the hub could not be reached.
        ValueError: the file is empty, damaged or of another kind, or a record is not as it should be; the message
            names the file, the record (from 1), what was got and what was expected.
    Source: Elliott et al. 2016.
    """
    from_, to = languages

    def read(record: Record, where: str) -> Pair:
        return Pair(_text(record, from_, where), _text(record, to, where))

    return _records("multi30k", source, split, limit, read)


def cnn_dailymail(source: str | Path = "hub", *, split: str = "train", limit: int | None = None) -> tuple[Headed, ...]:
    """News articles and their highlights, a line each. Arguments and errors as for `multi30k`.

    Source: Hermann et al. 2015; as summaries: See et al. 2017.
    """

    def read(record: Record, where: str) -> Headed:
        return Headed(_text(record, "article", where), _text(record, "highlights", where))

    return _records("cnn_dailymail", source, split, limit, read)


def sst2(source: str | Path = "hub", *, split: str = "train", limit: int | None = None) -> tuple[Rated, ...]:
    """Sentences of film reviews, and whether they praise. Arguments and errors as for `multi30k`.

    The labels of the split "test" are withheld (-1): it is refused.

    Source: Socher et al. 2013; with two labels: Wang et al. 2019.
    """

    def read(record: Record, where: str) -> Rated:
        label = _column(record, "label", where)
        if isinstance(label, bool) or label not in LABELS:
            withheld = " (withheld: use the split 'validation')" if label in (-1, "-1") else ""
            raise ValueError(f"{where}: label must be 0 or 1, got {label!r}{withheld}")
        return Rated(_text(record, "sentence", where), LABELS[label])

    return _records("sst2", source, split, limit, read)


def squad(
    source: str | Path = "hub", *, split: str = "train", version: int = 1, limit: int | None = None
) -> tuple[Asked, ...]:
    """Questions about paragraphs of Wikipedia, and the spans that answer them.

    Args:
        source: a file, a table or SQuAD's own .json; or "hub".
        split: on the hub, "train" or "validation".  limit: as for `multi30k`.
        version: 1, where every question has an answer; or 2, where some have none.
    Raises:
        As `multi30k`; also ValueError where an answer does not stand in the passage where it says.
    Source: Rajpurkar et al. 2016; version 2: Rajpurkar et al. 2018.
    """
    check_integer("version", version, at_least=1, at_most=2)

    def read(record: Record, where: str) -> Asked:
        question, passage = _text(record, "question", where), _text(record, "context", where)
        answers = tuple(_spans(record, passage, where))
        if version == 1 and not answers:
            raise ValueError(f"{where}: answers must hold at least one, got none: version 2 has such questions")
        return Asked(question, passage, answers)

    return _records("squad" if version == 1 else "squad_v2", source, split, limit, read)


def _records(
    name: str, source: str | Path, split: str, limit: int | None, read: Callable[[Record, str], T]
) -> tuple[T, ...]:
    limit = None if limit is None else check_integer("limit", limit, at_least=1)
    where = f"{HUB[name][0]} ({split})" if source == "hub" else str(source)
    rows = _from_hub(name, split) if source == "hub" else _from_file(Path(source), name.startswith("squad"))
    found = tuple(read(row, f"{where}, record {n}") for n, row in enumerate(islice(rows, limit), 1))
    if not found:
        raise ValueError(f"{where} must hold at least one record, got none")
    return found


def _datasets() -> ModuleType:
    try:
        import datasets
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(f"the public sets are read by the package datasets: {REMEDY}") from error
    return datasets


def _from_hub(name: str, split: str) -> Iterator[Record]:
    datasets, (repository, config) = _datasets(), HUB[name]
    try:
        return iter(datasets.load_dataset(repository, config, split=split))
    except ValueError as error:  # no such split
        raise ValueError(f"{repository} has no {split!r}, or not as expected: {error}") from error
    except Exception as error:  # the hub's client raises errors of several libraries for one cause
        raise ConnectionError(
            f"{repository} could not be had from the Hugging Face hub ({type(error).__name__}): "
            "give the function a file instead"
        ) from error


def _from_file(path: Path, is_squad: bool) -> Iterator[Record]:
    if not path.is_file():
        raise FileNotFoundError(f"{path} is no file")
    if path.stat().st_size == 0:
        raise ValueError(f"{path} must hold records, got an empty file")
    suffix = path.suffix.lower()
    if is_squad and suffix == ".json":
        return _nested(path)
    check_choice(f"the suffix of {path.name}", suffix, (*READERS, ".json") if is_squad else tuple(READERS))
    return _table(path, suffix)


def _table(path: Path, suffix: str) -> Iterator[Record]:
    """The rows of a file; read as a stream, so that no copy is left in a cache."""
    (reader, options), datasets = READERS[suffix], _datasets()
    try:
        yield from datasets.load_dataset(
            reader, data_files=glob.escape(str(path)), split="train", streaming=True, **options
        )
    except StopIteration:
        return
    except Exception as error:  # pyarrow's, pandas' and the decoder's have no common ancestor of their own
        fault = _damaged_line(path) if suffix == ".jsonl" else f"{type(error).__name__}: {error}"
        raise ValueError(f"{path} must be a whole {suffix} file, got a damaged one: {fault}") from error


def _damaged_line(path: Path) -> str:
    for number, line in enumerate(path.read_bytes().splitlines(), 1):
        try:
            if line.strip() and not isinstance(json.loads(line), dict):
                return f"line {number} is no object: {line[:60]!r}"
        except ValueError as error:  # of JSON, or of its encoding
            return f"line {number} is no JSON ({error}): {line[:60]!r}"
    return "its lines do not make one table: a column holds values of two kinds"


def _nested(path: Path) -> Iterator[Record]:
    """SQuAD's own file: articles of paragraphs of questions, a tree that no reader of tables takes."""
    try:
        tree = json.loads(path.read_bytes())
    except ValueError as error:
        raise ValueError(f"{path} must be a whole JSON file, got a damaged one: {error}") from error
    try:
        for article in tree["data"]:
            for paragraph in article["paragraphs"]:
                yield from ({"context": paragraph["context"], **asked} for asked in paragraph["qas"])
    except (KeyError, TypeError) as error:
        raise ValueError(
            f"{path} must be laid out as SQuAD, data > paragraphs > context and qas, "
            f"got {type(error).__name__}: {error}"
        ) from error


def _spans(record: Record, passage: str, where: str) -> Iterator[Span]:
    """The answers, as SQuAD's file lists them or as a table holds them: a list of texts and one of places."""
    answers = _column(record, "answers", where)
    if isinstance(answers, Mapping):
        texts, starts = _column(answers, "text", where), _column(answers, "answer_start", where)
        if len(texts) != len(starts):
            raise ValueError(f"{where}: answers must have a start each, got {len(texts)} texts, {len(starts)} starts")
        answers = [{"text": text, "answer_start": start} for text, start in zip(texts, starts, strict=True)]
    if not isinstance(answers, Sequence) or isinstance(answers, str):
        raise ValueError(f"{where}: answers must be a list, or lists of text and answer_start, got {answers!r}")
    for answer in answers:
        text, start = _text(answer, "text", where), _column(answer, "answer_start", where)
        if not isinstance(start, int) or isinstance(start, bool):
            raise ValueError(f"{where}: answer_start must be an integer, got {start!r}")
        stands = passage[start : start + len(text)] if start >= 0 else ""
        if stands != text:
            raise ValueError(f"{where}: the passage must read {text!r} from answer_start ({start}), got {stands!r}")
        yield Span(start, text)


def _column(record: object, name: str, where: str) -> Any:
    if not isinstance(record, Mapping):
        raise ValueError(f"{where}: a record must hold columns by name, got {record!r}")
    if name not in record:
        raise ValueError(f"{where}: no column {name!r}, got {_listed(record)}")
    return record[name]


def _text(record: object, name: str, where: str) -> str:
    value = _column(record, name, where)
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f"{where}: {name} must be a text, got {value!r}")
    return value


def _listed(names: Iterable[Any]) -> str:
    return ", ".join(map(repr, names)) or "none"
