"""Text-to-text pairs from CLDR: the version, what they say, and that what is held out was never seen."""

import re
from datetime import date, timedelta
from functools import partial

import pytest
import torch

from mha.tasks import cldr
from mha.tasks.cldr import KINDS, LANGUAGES, TASKS, Alphabet, answer, prefix, task_pairs, unlabelled


def test_the_data_are_of_the_pinned_version(monkeypatch):
    assert cldr.get_global("cldr") == {"version": "47"}
    monkeypatch.setattr(cldr, "CLDR_VERSION", "46")
    with pytest.raises(RuntimeError, match=r"must be of version 46 .*, got \{'version': '47'\}"):
        task_pairs.__wrapped__("place", "fr")


@pytest.mark.parametrize(
    ("kind", "item", "language", "text"),
    [
        ("date", date(2024, 3, 5), None, "2024-03-05"),
        ("date", date(2024, 3, 5), "fr", "5 mars 2024"),
        ("date", date(2024, 3, 5), "de", "5. März 2024"),
        ("date", date(1018, 8, 17), "pl", "17 sierpnia 1018"),
        ("amount", (1, "duration-hour"), None, "1 hour"),
        ("amount", (23, "duration-hour"), "pl", "23 godziny"),
        ("amount", (12, "duration-hour"), "pl", "12 godzin"),
        ("amount", (112, "duration-hour"), "pl", "112 godzin"),
        ("amount", (23, "duration-hour"), "fr", "23 heures"),  # a space that does not break became a plain one
        ("price", (1, "CHF"), None, "1 Swiss franc"),
        ("price", (22, "CHF"), "pl", "22 franki szwajcarskie"),
        ("price", (3, "JPY"), "de", "3 Japanische Yen"),
        ("place", "DE", None, "Germany"),
        ("place", "DE", "pl", "Niemcy"),
    ],
)
def test_what_cldr_says(kind, item, language, text):
    assert answer(kind, item, language) == text


@pytest.mark.parametrize(
    ("kind", "n_train", "n_test"),
    [("date", 7707, 459), ("amount", 6496, 1496), ("price", 6496, 1496), ("place", 166, 57)],
)
def test_the_pairs_are_as_many_as_results_were_made_with(kind, n_train, n_test):
    assert tuple(map(len, task_pairs(kind, "fr"))) == (n_train, n_test)


def test_dates_are_61_days_apart():
    every = {(date(1000, 1, 1) + timedelta(61 * n)).isoformat() for n in range(11976)}
    assert {pair.source for part in task_pairs("date", "fr") for pair in part} < every


def test_places_are_countries_with_short_names():
    sources = {pair.source for part in task_pairs("place", "fr") for pair in part}
    assert {"Germany", "Aruba"} <= sources
    assert sources.isdisjoint({"European Union", "Eurozone", "Pseudo-Accents", "Pseudo-Bidi", "world", "Africa"})
    names = {text for language in LANGUAGES for part in task_pairs("place", language) for pair in part for text in pair}
    assert max(map(len, names)) == 20


@pytest.mark.parametrize("task", TASKS)
def test_no_test_source_occurs_in_training(task):
    train, test = ({pair.source for pair in part} for part in task_pairs(*task))
    assert len(train) > 2 * len(test) > 60
    assert train.isdisjoint(test)
    assert len(train) == len(task_pairs(*task)[0])


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_sources_in_every_language(kind):
    for part in (0, 1):
        first, *others = ([pair.source for pair in task_pairs(kind, language)[part]] for language in LANGUAGES)
        assert all(sources == first for sources in others)


def test_a_test_date_has_a_new_day_and_a_new_year_made_of_known_parts():
    train, test = ([pair.source for pair in part] for part in task_pairs("date", "fr"))
    for cut in (slice(0, 4), slice(5, 10)):  # the year; month and day
        assert {source[cut] for source in train}.isdisjoint(source[cut] for source in test)
    for cut in (slice(5, 7), slice(8, 10)):  # the month; the day of the month
        assert {source[cut] for source in train} >= {source[cut] for source in test}
    for n in range(4):
        assert {source[n] for source in train} >= {source[n] for source in test}


@pytest.mark.parametrize("kind", ["amount", "price"])
def test_a_test_amount_has_a_new_number_and_a_known_unit(kind):
    train, test = ([pair.source.split(maxsplit=1) for pair in part] for part in task_pairs(kind, "pl"))
    assert {n for n, _ in train}.isdisjoint(n for n, _ in test)
    assert {unit for _, unit in train} >= {unit for _, unit in test}
    assert {str(n) for n in range(1, 20)} <= {n for n, _ in train}
    forms = [{pair.target.split(maxsplit=1)[1] for pair in part} for part in task_pairs(kind, "pl")]
    assert forms[0] >= forms[1]


def test_polish_agrees_by_the_last_two_digits():
    for pair in (*task_pairs("amount", "pl")[0], *task_pairs("amount", "pl")[1]):
        number = int(pair.source.split()[0])
        if "hour" in pair.source:
            few = number % 10 in (2, 3, 4) and number % 100 not in (12, 13, 14)
            assert pair.target == f"{number} {'godzina' if number == 1 else 'godziny' if few else 'godzin'}"


def test_the_text_without_answers_holds_no_test_place():
    names = unlabelled()
    assert len(names) == len(set(names)) > 1000
    for task in TASKS:
        if task[0] == "place":
            for pair in task_pairs(*task)[1]:
                assert not any(text.lower() in name.lower() for name in names for text in pair), pair
    assert any(re.search("dollar canadien", name) for name in names)


def test_an_alphabet_is_in_order_and_has_eight_sentinels():
    letters = Alphabet(["ba", "éz"])
    assert letters.characters == "abzé"
    assert (letters.sentinels, letters.encode("ab")) == (tuple(range(2, 10)), [10, 11])
    assert torch.equal(letters.batch([[7, 8], [9]]), torch.tensor([[7, 8, 1], [9, 1, 0]]))


def test_the_alphabet_comes_back_and_says_what_it_lacks():
    letters = Alphabet(["Łódź ", "5 mars"], n_sentinels=3)
    assert letters.sentinels == (2, 3, 4)
    assert len(letters) == 2 + 3 + len(set("Łódź 5mars"))
    ids = letters.encode("5 Łaź")
    assert min(ids) == 5
    assert letters.decode(ids) == "5 Łaź"
    assert letters.decode([2, *ids, 0, 4, letters.end_id, *ids]) == "⟨0⟩5 Łaź⟨2⟩"
    with pytest.raises(ValueError, match="text holds 'k', 'x', not of the alphabet: 'xk5'"):
        letters.encode("xk5")
    batch = letters.batch([[7, 8], [9]], padding=-100)
    assert torch.equal(batch, torch.tensor([[7, 8, 1], [9, 1, -100]]))


def test_bad_input_is_named_and_prefixes_are_plain():
    assert prefix("date", "fr") == "date fr: "
    letters = Alphabet(["ab"], n_sentinels=1)
    for call in (partial(task_pairs, "time"), partial(prefix, "time"), partial(answer, "time", "DE")):
        with pytest.raises(ValueError, match="kind must be one of 'date', 'amount', 'price', 'place', got 'time'"):
            call("fr")
    for call in (partial(task_pairs, "place"), partial(answer, "place", "DE")):
        for language in ("xx", "no-such", ""):
            with pytest.raises(ValueError, match=f"language must be one that CLDR knows, .*, got '{language}'"):
                call(language)
    with pytest.raises(ValueError, match="item must be the code of a territory, got 'ZZZ'"):
        answer("place", "ZZZ", "fr")
    for call in (partial(cldr.held_out, "amount", "DE"), partial(answer, "amount", "DE", "fr")):
        with pytest.raises(TypeError, match="item of kind 'amount' must be a tuple, got 'DE'"):
            call()
    with pytest.raises(TypeError, match="texts must be several texts, got one string"):
        Alphabet("ab")
    with pytest.raises(ValueError, match=r"n_sentinels \(-1\) must be at least 0"):
        Alphabet(["ab"], n_sentinels=-1)
    for n in (-1, len(letters)):  # -1 would be the last character
        with pytest.raises(ValueError, match=rf"ids \({n}\) must be between 0 and {len(letters) - 1}"):
            letters.decode([n])
        with pytest.raises(ValueError, match=rf"rows \({n}\) must be between 0 and {len(letters) - 1}"):
            letters.batch([[n]])
    with pytest.raises(TypeError, match=r"rows must be an integer, got 2.5"):
        letters.batch([[2.5]])
