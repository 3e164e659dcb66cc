"""Phrases with known alignment: worded as CLDR has them, labelled rightly, and each set asks for its own."""

import itertools
from datetime import date

import pytest

from mha.tasks.phrase_sets import LONGEST, SETS, is_alone, is_held_out_pair, known_numbers, phrase_sets
from mha.tasks.phrases import KINDS, LANGUAGES, Item, joined, parts, phrase, split_text, translated

DAY = Item("day", "3", date(2024, 3, 5).toordinal())
AGO, IN = Item("when", "week", -21), Item("when", "month", 3)
PRICE, PLACE = Item("price", "USD", 12), Item("place", "TT", 0)


def linked(items, language):
    """Pairs of words (target, source): those that are sure, and all that are possible."""
    p = phrase(items, language)
    words = [[token.strip() for token in side] for side in (p.target, p.source)]
    return [{(words[0][i], words[1][j]) for i, j in zip(*mask.nonzero(), strict=True)} for mask in p.links()]


@pytest.mark.parametrize(
    ("items", "language", "source", "target"),
    [
        ([DAY], "fr", "Tuesday, March 5, 2024", "mardi 5 mars 2024"),
        ([DAY, AGO], "de", "Tuesday, March 5, 2024 and 21 weeks ago", "Dienstag, 5. März 2024 und vor 21 Wochen"),
        ([DAY, AGO, IN], "tr", "Tuesday, March 5, 2024 and 21 weeks ago and in 3 months",
         "5 Mart 2024 Salı ve 21 hafta önce ve 3 ay sonra"),
        ([Item("amount", "day", 3)], "tr", "3 days", "3 gün"),
        ([Item("amount", "day", 3), Item("when", "day", -3)], "de", "3 days and 3 days ago", "3 Tage und vor 3 Tagen"),
    ],
)  # fmt: skip
def test_phrases_read_as_people_write_them(items, language, source, target):
    p = phrase(items, language)
    assert (joined(p.source), joined(p.target)) == (source, target)
    assert split_text(source) == p.source


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_wording_is_a_raw_key_and_every_text_comes_back(language):
    for kind in KINDS:
        for of in parts(kind):
            number = {"place": 0, "day": date(2001, int(of) if kind == "day" else 1, 28).toordinal()}.get(kind, 21)
            text = translated(Item(kind, of, number), language)
            assert joined(split_text(text)) == text
            assert not any(key in text for key in ("duration", "length-", "mass-", "digital", "area-", "volume-"))


def test_turkish_links_cross_and_french_ones_share_a_word():
    sure, possible = linked([DAY], "tr")
    assert sure == possible == {("Salı", "Tuesday"), ("Mart", "March"), ("5", "5"), ("2024", "2024")}
    sure, _ = linked([AGO], "fr")
    assert sure == {("il", "ago"), ("y", "ago"), ("a", "ago"), ("21", "21"), ("semaines", "weeks")}


def test_words_of_a_name_are_possible_not_sure_unless_the_source_has_one():
    sure, possible = linked([PRICE], "fr")
    names = {(t, s) for t in ("dollars", "des", "États-Unis") for s in ("US", "dollars")}
    assert possible - sure == names
    sure, _ = linked([Item("place", "GR", 0)], "tr")
    assert sure == {("Yunanistan", "Greece")}


def test_items_and_their_joints_do_not_mix_and_commas_have_no_link():
    p = phrase([AGO, Item("when", "week", -21), PLACE], "de")
    sure, _ = p.links()
    first = [j for j, token in enumerate(p.source) if token == " weeks"]
    weeks = [i for i, token in enumerate(p.target) if token == " Wochen"]
    assert [sure[i].nonzero()[0].tolist() for i in weeks] == [[first[0]], [first[1]]]
    joints = [[j for j, token in enumerate(side) if token in (" und", " and")] for side in (p.target, p.source)]
    assert [sure[i].nonzero()[0].tolist() for i in joints[0][:2]] == [[j] for j in joints[1]]
    comma = phrase([DAY], "de")
    assert not comma.links()[1][comma.target.index(",")].any()


@pytest.mark.parametrize(
    ("item", "words"),
    [(Item("length", "week", 3), "kind"), (Item("when", "decade", 3), "of"), (Item("count", "million", 1), "above 1"),
     (Item("amount", "week", 1000), "between 1 and 999"), (Item("day", "4", DAY.n), "month of the date")],
)  # fmt: skip
def test_what_no_item_can_be_is_refused(item, words):
    with pytest.raises(ValueError, match=words):
        translated(item, "fr")


def test_sets_hold_what_they_promise():
    sets = phrase_sets()
    training, tested = set(sets["training"]), [items for name in SETS for items in sets[name]]
    assert len(sets["training"]) == 5000
    assert not training & set(tested)
    assert len(set(tested)) == len(tested) == 200 * len(SETS)
    pairs = {(a[:2], b[:2]) for items in training for a, b in itertools.pairwise(items)}
    numbers = {abs(item.n) for items in training for item in items if item.kind not in ("day", "place")}
    listed = {item.of for items in training if len(items) > 1 for item in items}
    alone = {item.of for items in training if len(items) == 1 for item in items}
    tested_numbers = {abs(i.n) for items in tested for i in items if i.kind not in ("day", "place")}
    assert set(known_numbers()) <= numbers
    assert tested_numbers - numbers
    assert max(map(len, training)) == LONGEST
    for items in sets["combinations"]:
        assert not {(a[:2], b[:2]) for a, b in itertools.pairwise(items)} & pairs
        assert all(is_held_out_pair(a, b) for a, b in itertools.pairwise(items))
    assert not {abs(item.n) for items in sets["numbers"] for item in items} & numbers
    for items in sets["alone"]:
        (only,) = [item.of for item in items if is_alone(item)]
        assert only in alone - listed
    assert {len(items) for items in sets["longer"]} == {LONGEST + 1}


def test_no_word_of_a_test_is_new_but_numbers():
    sets = phrase_sets()
    for language in LANGUAGES:
        read, written = set(), set()
        for items in sets["training"]:
            p = phrase(items, language)
            read.update(p.source)
            written.update(p.target)
        for items in (items for name in SETS for items in sets[name]):
            p = phrase(items, language)
            for tokens, known in ((p.source, read), (p.target, written)):
                assert all(token in known or token.strip().isdigit() for token in tokens)
