"""Messages of installed packages, and a memory of them: read as gettext reads, and as similar as sacrebleu says."""

import gettext
import struct
from importlib.metadata import distribution

import numpy as np
import pytest
import sacrebleu

from mha.models.translation_memory import TranslationMemory
from mha.tasks import catalogues
from mha.tasks.catalogues import messages

TEXTS = ["Save and add another", "Save", "The page could not be saved", "Delete this page", "aaaa", "a b", "Seite ä"]


def test_messages_are_those_of_the_catalogues():
    found = dict(messages("django", "fr"))
    assert len(found) > 300
    paths = [f.locate() for f in distribution("django").files or [] if str(f).endswith("fr/LC_MESSAGES/django.mo")]
    with open(next(p for p in paths if "admin/locale" in str(p)), "rb") as file:
        admin = gettext.GNUTranslations(file)
    assert found["Save and add another"] == admin.gettext("Save and add another")
    for source, target in found.items():
        assert 2 <= len(source.split()) <= 20
        assert source != target
        assert not set("\0\4<>\n") & set(source + target)


def test_a_package_or_language_that_is_not_there_is_named():
    with pytest.raises(ModuleNotFoundError, match="no-such-package is not installed"):
        messages("no-such-package", "fr")
    with pytest.raises(ValueError, match=r"language must be .* 'xx'"):
        messages("django", "xx")


@pytest.mark.parametrize("data", [b"", b"not a catalogue", struct.pack("<7I", 0x950412DE, 0, 9, 28, 100, 0, 0)])
def test_a_damaged_catalogue_is_named(data, tmp_path, monkeypatch):
    path = tmp_path / "broken.mo"
    path.write_bytes(data)
    monkeypatch.setattr(catalogues, "_catalogues", lambda package, language: [path])
    with pytest.raises(OSError, match=r"broken\.mo is no readable catalogue"):
        messages("django", "fr")


def test_the_memory_measures_as_sacrebleu_does():
    memory = TranslationMemory(TEXTS, TEXTS)
    asked = ["Save and delete", "aaaaaa", "a", "Seite", "xyz xyz"]
    expected = [[sacrebleu.sentence_chrf(text, [known]).score for known in TEXTS] for text in asked]
    assert np.allclose(memory.similarities(asked), expected, atol=1e-9)


def test_the_memory_gives_the_translation_of_the_nearest():
    memory = TranslationMemory(["one day", "two days", "one day"], ["ein Tag", "zwei Tage", "noch ein Tag"])
    texts, similar = memory.nearest(["one day", "two days ago"])
    assert texts == ["ein Tag", "zwei Tage"]
    assert similar[0] == pytest.approx(100)
    with pytest.raises(ValueError, match="as many"):
        TranslationMemory(["one"], ["eins", "uno"])
    with pytest.raises(TypeError):
        TranslationMemory("one", "two")
