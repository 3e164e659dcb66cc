"""The loaders of public sets, on files of the same formats written here; and what a file that is not whole is told."""

from __future__ import annotations

import csv
import gc
import json
import sys

import datasets
import pytest

from mha.tasks.cldr import Pair
from mha.tasks.public import cnn_dailymail, multi30k, squad, sst2
from mha.tasks.records import Asked, Headed, Rated, Span

# A file of which a reader of `datasets` was not run to its end is left for the collector to close.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")

PASSAGE = "The krona is Sweden's currency. Oslo is not in it."
CAPTIONS = [{"en": "Two men wait.", "de": "Zwei Männer warten."}, {"en": "null", "de": "nichts"}]
SENTENCES = [
    {"idx": 0, "sentence": 'a "charming" film', "label": 1},
    {"idx": 1, "sentence": "dull, and long", "label": 0},
]
ARTICLES = [{"article": "It rained.\nAll day.", "highlights": "Rain .\nAll day .", "id": "a1"}]
ASKED = {
    "id": "q1",
    "title": "Krona",
    "context": PASSAGE,
    "question": "Whose currency is it?",
    "answers": {"text": ["Sweden", "Sweden's"], "answer_start": [13, 13]},
}
UNANSWERED = ASKED | {"id": "q2", "question": "What is Norway's?", "answers": {"text": [], "answer_start": []}}
SPANS = (Span(13, "Sweden"), Span(13, "Sweden's"))


@pytest.fixture(autouse=True)
def _files_closed():
    yield
    gc.collect()


def store(path, records):
    """The records in a file, in the format of its suffix."""
    if path.suffix == ".jsonl":
        path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
    elif path.suffix == ".parquet":
        datasets.Dataset.from_list(records).to_parquet(str(path))
    elif path.suffix == ".tsv":  # as GLUE's: nothing is quoted
        rows = [records[0], *(record.values() for record in records)]
        path.write_text("".join("\t".join(map(str, row)) + "\n" for row in rows), encoding="utf-8")
    else:
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, list(records[0]))
            writer.writeheader()
            writer.writerows(records)
    return path


def tree(path, paragraphs):
    path.write_text(json.dumps({"version": "1.1", "data": [{"title": "K", "paragraphs": paragraphs}]}))
    return path


def paragraph(text, start, passage=PASSAGE):
    asked = {"id": "q1", "question": "Whose currency is it?", "answers": [{"text": text, "answer_start": start}]}
    return {"context": passage, "qas": [asked]}


@pytest.mark.parametrize("suffix", [".jsonl", ".csv", ".tsv", ".parquet"])
@pytest.mark.parametrize(
    ("load", "records", "expected"),
    [
        (multi30k, CAPTIONS, (Pair("Two men wait.", "Zwei Männer warten."), Pair("null", "nichts"))),
        (sst2, SENTENCES, (Rated('a "charming" film', True), Rated("dull, and long", False))),
    ],
)
def test_tables_are_read_as_they_were_written(tmp_path, suffix, load, records, expected):
    folder = tmp_path / "v[1]*"  # no pattern
    folder.mkdir()
    path = store(folder / f"train{suffix}", records)
    assert load(path) == expected
    assert load(str(path), limit=1) == expected[:1]


@pytest.mark.parametrize("suffix", [".jsonl", ".csv", ".parquet"])
def test_lines_within_an_article_stay(tmp_path, suffix):
    path = store(tmp_path / f"train{suffix}", ARTICLES)
    assert cnn_dailymail(path) == (Headed("It rained.\nAll day.", "Rain .\nAll day ."),)


@pytest.mark.parametrize("suffix", [".jsonl", ".parquet"])
def test_a_table_of_questions(tmp_path, suffix):
    path = store(tmp_path / f"dev{suffix}", [ASKED, UNANSWERED])
    expected = Asked("Whose currency is it?", PASSAGE, SPANS), Asked("What is Norway's?", PASSAGE, ())
    assert squad(path, version=2) == expected
    with pytest.raises(ValueError, match=r"dev\S+, record 2: answers must hold at least one, got none: version 2"):
        squad(path)


def test_questions_as_squad_publishes_them(tmp_path):
    unanswered = {"id": "q2", "question": "And Norway's?", "answers": [], "is_impossible": True}
    path = tree(
        tmp_path / "dev-v2.0.json", [{"context": PASSAGE, "qas": [*paragraph("Sweden", 13)["qas"], unanswered]}]
    )
    expected = Asked("Whose currency is it?", PASSAGE, SPANS[:1]), Asked("And Norway's?", PASSAGE, ())
    assert squad(path, version=2) == expected
    assert squad(path, limit=1) == expected[:1]


@pytest.mark.parametrize(
    ("record", "message"),
    [
        ({"en": "A dog.", "fr": "Un chien."}, r"record 2: no column 'de', got 'en', 'fr'"),
        ({"en": "A dog.", "de": None}, r"record 2: de must be a text, got None"),
        ({"en": " ", "de": "Ein Hund."}, r"record 2: en must be a text, got ' '"),
        ({"en": 5, "de": "Ein Hund."}, r"record 2: en must be a text, got 5"),
    ],
)
def test_a_record_that_is_not_as_it_should_be(monkeypatch, record, message):
    rows = [CAPTIONS[0], record]
    monkeypatch.setattr(datasets, "load_dataset", lambda *_, **__: rows)
    with pytest.raises(ValueError, match=rf"bentrevett/multi30k \(train\), {message}"):
        multi30k()


def test_a_column_that_is_missing_from_a_file(tmp_path):
    path = store(tmp_path / "train.csv", [{"en": "A dog.", "fr": "Un chien."}])
    with pytest.raises(ValueError, match=r"train\.csv, record 1: no column 'de', got 'en', 'fr'"):
        multi30k(path)


@pytest.mark.parametrize("label", [-1, 2, "positive", True, None])
def test_a_label_that_is_none(monkeypatch, label):
    monkeypatch.setattr(datasets, "load_dataset", lambda *_, **__: [{"sentence": "fine", "label": label}])
    with pytest.raises(ValueError, match=r"sst2 \(test\), record 1: label must be 0 or 1, got") as told:
        sst2(split="test")
    assert ("withheld" in str(told.value)) == (label == -1)


@pytest.mark.parametrize(
    ("text", "start", "message"),
    [
        ("Sweden", 12, r"the passage must read 'Sweden' from answer_start \(12\), got ' Swede'"),
        ("Oslo", -18, r"the passage must read 'Oslo' from answer_start \(-18\), got ''"),
        ("Norway", 999, r"the passage must read 'Norway' from answer_start \(999\), got ''"),
        ("Sweden", "13", r"answer_start must be an integer, got '13'"),
        ("", 13, r"text must be a text, got ''"),
    ],
)
def test_an_answer_that_does_not_stand_there(tmp_path, text, start, message):
    path = tree(tmp_path / "dev.json", [paragraph("Sweden", 13), paragraph(text, start)])
    with pytest.raises(ValueError, match=rf"dev\.json, record 2: {message}"):
        squad(path)


def test_answers_without_a_start_each(monkeypatch):
    answers = {"text": ["Sweden", "krona"], "answer_start": [13]}
    monkeypatch.setattr(datasets, "load_dataset", lambda *_, **__: [ASKED | {"answers": answers}])
    with pytest.raises(ValueError, match=r"record 1: answers must have a start each, got 2 texts, 1 starts"):
        squad()


def half(path):
    whole = path.read_bytes()
    path.write_bytes(whole[:-4])
    return path


@pytest.mark.parametrize(
    ("suffix", "message"),
    [
        (".jsonl", r"must be a whole \.jsonl file, got a damaged one: line 2 is no JSON"),
        (".parquet", r"must be a whole \.parquet file, got a damaged one: ArrowInvalid"),
        (".csv", r"record 2: label must be 0 or 1, got"),
    ],
)
def test_a_file_that_ends_too_soon(tmp_path, suffix, message):
    path = half(
        store(tmp_path / f"train{suffix}", [{"sentence": "fine", "label": 1}, {"sentence": "so so", "label": 0}])
    )
    with pytest.raises(ValueError, match=rf"train{suffix}\S* {message}"):
        sst2(path)


def test_quotes_that_never_close(tmp_path):
    path = tmp_path / "train.csv"
    path.write_text('sentence,label\n"fine,1\n')
    with pytest.raises(ValueError, match=r"train\.csv must be a whole \.csv file, got a damaged one: ParserError"):
        sst2(path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"data": [{"paragraphs": [', "must be a whole JSON file, got a damaged one"),
        ('{"data": [{"paragraph": []}]}', "must be laid out as SQuAD, .* got KeyError: 'paragraphs'"),
        ('[{"question": "Who?"}]', "must be laid out as SQuAD, .* got TypeError"),
        ('{"data": []}', "must hold at least one record, got none"),
        ("", "must hold records, got an empty file"),
    ],
)
def test_a_tree_that_is_none_of_squad(tmp_path, text, message):
    path = tmp_path / "dev.json"
    path.write_text(text)
    with pytest.raises(ValueError, match=rf"dev\.json {message}"):
        squad(path)


def test_files_that_are_none(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"train\.csv is no file"):
        sst2(tmp_path / "train.csv")
    (tmp_path / "train.txt").write_text("fine\n")
    with pytest.raises(ValueError, match=r"the suffix of train\.txt must be one of '\.jsonl', .* got '\.txt'"):
        sst2(tmp_path / "train.txt")
    (tmp_path / "head.csv").write_text("sentence,label\n")
    with pytest.raises(ValueError, match=r"head\.csv must hold at least one record, got none"):
        sst2(tmp_path / "head.csv")
    (tmp_path / "list.jsonl").write_text('["fine", 1]\n')
    with pytest.raises(ValueError, match=r"list\.jsonl, record 1: no column 'label', got 'text'"):
        sst2(tmp_path / "list.jsonl")


def test_the_hub_is_asked_by_name_and_its_silence_told(monkeypatch):
    asked = []

    def answering(*names, **options):
        asked.append((*names, options))
        return [ASKED | {"answers": {"text": ["Sweden"], "answer_start": [13]}}]

    monkeypatch.setattr(datasets, "load_dataset", answering)
    assert squad(split="validation", version=2)[0].answers == SPANS[:1]
    assert asked == [("rajpurkar/squad_v2", None, {"split": "validation"})]

    def silent(*_, **__):
        raise OSError("no route")

    monkeypatch.setattr(datasets, "load_dataset", silent)
    with pytest.raises(ConnectionError, match=r"abisee/cnn_dailymail could not be had .* \(OSError\): give .* a file"):
        cnn_dailymail()


def test_what_to_install_is_told(monkeypatch):
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(ModuleNotFoundError, match=r"pip install datasets, or .* pip install -e '\.\[datasets\]'"):
        multi30k()


def test_arguments_are_checked(tmp_path):
    with pytest.raises(ValueError, match=r"version \(3\) must be"):
        squad(version=3)
    with pytest.raises(ValueError, match=r"limit \(0\) must be"):
        sst2(store(tmp_path / "train.jsonl", SENTENCES), limit=0)
