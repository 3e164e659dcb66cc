"""The published word lists, and the course's minimal pairs."""

from collections import Counter

import pytest

from mha.bias.word_lists import CONTRASTS, association_tests, minimal_pairs, occupations
from mha.models.pretrained import load_minilm

SIZES = {  # Caliskan, Bryson and Narayanan 2017, table 1: target words and attribute words in all, halved
    "WEAT 1": (25, 25), "WEAT 2": (25, 25), "WEAT 3": (32, 25), "WEAT 4": (16, 25), "WEAT 5": (16, 8),
    "WEAT 6": (8, 8), "WEAT 7": (8, 8), "WEAT 8": (8, 8), "WEAT 9": (6, 7), "WEAT 10": (8, 8),
}  # fmt: skip


def test_the_ten_tests_have_the_published_sizes():
    tests = association_tests()
    assert list(tests) == list(SIZES)
    for name, (n_targets, n_attributes) in SIZES.items():
        test = tests[name]
        assert (len(test.x), len(test.y)) == (n_targets, n_targets)
        assert (len(test.a), len(test.b)) == (n_attributes, n_attributes)


def test_flowers_stand_for_pleasant_and_insects_for_unpleasant():
    test = association_tests()["WEAT 1"]
    assert (test.label, test.about) == ("flowers, insects: pleasant", "control")
    for words, word in ((test.x, "rose"), (test.y, "ant"), (test.a, "love"), (test.b, "abuse")):
        assert word in words


def test_no_word_stands_on_both_sides():
    for test in association_tests().values():
        for one, other in ((test.x, test.y), (test.a, test.b)):
            assert len(set(one)) == len(one)
            assert set(one).isdisjoint(other)


def test_all_sixty_occupations_have_the_figures_of_the_source():
    """Counts and sum as of data/occupations-stats.tsv of the Winogender schemas, and both ends of it."""
    by_word = {word: job for job in occupations() for word in job.words}
    assert (len(by_word), len(occupations())) == (60, 56)
    assert sum(job.women for job in by_word.values()) == pytest.approx(3021.74)
    assert Counter(job.year for job in by_word.values()) == {2015: 51, 2016: 9}
    assert (by_word["plumber"].women, by_word["hygienist"].women) == (0.7, 96.4)
    secretary = by_word["secretary"]
    assert (secretary.women, secretary.year) == (94.6, 2016)
    assert "typist" not in by_word
    assert by_word["doctor"] is by_word["surgeon"]  # one row of the statistics


def test_a_minimal_pair_differs_in_one_token_and_no_frame_is_used_twice():
    _, tokenizer = load_minilm()
    for contrast in CONTRASTS:
        for split in ("reference", "discovery", "confirmation"):
            for one, other in zip(*minimal_pairs(contrast, split), strict=True):
                a, b = (tokenizer.encode(text).ids for text in (one, other))
                assert len(a) == len(b), (one, other)
                assert sum(i != j for i, j in zip(a, b, strict=True)) == 1, (one, other)
    splits = [set(minimal_pairs("he / she", split)[0]) for split in ("reference", "discovery", "confirmation")]
    assert len(set.union(*splits)) == sum(map(len, splits))
    assert min(map(len, splits)) >= 20


@pytest.mark.parametrize(
    ("contrast", "one", "other"),
    [
        ("he / she", "he opened", "she opened"),
        ("father / mother", "my father opened", "my mother opened"),
        ("he / they", "he opened", "they opened"),
        ("child / children", "the child opened", "the children opened"),
        ("present / past", "they open", "they opened"),
        ("anna / emma", "anna opened", "emma opened"),
        ("cat / horse", "the cat opened", "the horse opened"),
        ("this / that", "this man opened", "that man opened"),
    ],
)
def test_a_contrast_names_its_first_and_its_second_word(contrast, one, other):
    rest = "the window before breakfast."
    assert [sentences[0] for sentences in minimal_pairs(contrast, "reference")] == [f"{one} {rest}", f"{other} {rest}"]


def test_unknown_names_are_answered_with_the_known():
    with pytest.raises(ValueError, match="split must be one of 'reference', 'discovery', 'confirmation', got 'test'"):
        minimal_pairs("he / she", "test")
    with pytest.raises(ValueError, match=r"contrast must be one of 'he / she', .*, got 'red / blue'"):
        minimal_pairs("red / blue", "discovery")
