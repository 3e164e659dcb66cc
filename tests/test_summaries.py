"""Real texts and their summaries: enough of them, each once, none that says its own summary; folds by module."""

from __future__ import annotations

from collections import Counter

from mha.tasks.summaries import MOST_SENTENCES, N_FOLDS, fold_of, split_sentences, summaries


def test_no_text_gives_its_summary_away_and_none_stands_twice():
    texts = summaries()
    assert 550 < len(texts) < 800
    assert len({one.summary.lower() for one in texts}) == len(texts)
    lines = Counter(sentence for one in texts for sentence in {*one.sentences})
    assert max(lines.values()) == 1
    for one in texts:
        assert one.summary.rstrip(".").lower() not in " ".join(one.sentences).lower()
        assert 3 <= len(one.sentences) <= MOST_SENTENCES
        assert 3 <= len(one.summary.split()) <= 20


def test_a_module_is_in_one_fold_and_no_fold_is_small():
    assert fold_of("scipy.stats._stats_py") == fold_of("scipy.stats._stats_py")
    sizes = Counter(fold_of(one.module) for one in summaries())
    assert set(sizes) == set(range(N_FOLDS))
    assert min(sizes.values()) > 60


def test_sentences_end_at_a_stop_before_a_capital():
    text = "Uses the norm, i.e. the length. See Golub et al. 2013 for it. Is it stable? Yes."
    found = split_sentences(text)
    assert found == ["Uses the norm, i.e. the length.", "See Golub et al. 2013 for it.", "Is it stable?", "Yes."]
