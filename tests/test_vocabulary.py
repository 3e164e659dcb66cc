"""Words as tokens: numbered, padded, and given back."""

import pytest

from mha.tasks.vocabulary import WordVocabulary, padded


def test_words_come_back_and_unknown_ones_show():
    words = WordVocabulary([(" 3", " days"), (" 3", " Tage")])
    assert len(words) == 6
    assert len(WordVocabulary([(" 3", " days")], leave_out={" 3"})) == 4
    ids = words.encode((" 3", " weeks", " Tage"))
    assert ids[1] == words.unknown_id
    assert words.decode([0, *ids, 1, 4]) == (" 3", " ⟨?⟩", " Tage")
    assert words.batch([(" days",), (" 3", " Tage")], padding=-100).tolist() == [[5, 1, -100], [3, 4, 1]]
    assert padded([[7], [7, 8]], 2).tolist() == [[7, 2, 0], [7, 8, 2]]


def test_one_string_is_no_sequence_of_words():
    with pytest.raises(TypeError, match="one string"):
        WordVocabulary(["days"])
    with pytest.raises(ValueError, match="got none"):
        WordVocabulary([])
    with pytest.raises(ValueError, match="ids"):
        WordVocabulary([("a",)]).decode([4])
