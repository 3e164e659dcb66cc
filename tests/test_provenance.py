"""A table's hash follows what its code says: not its words, its layout or the place of a module."""

import shutil

import pytest

from experiments.runner.carry import in_reading_order
from experiments.runner.provenance import PACKAGES, ROOT, Code, code_hash

SOURCES = {
    "mha/__init__.py": '"""What it is."""\n',
    "mha/linear.py": "def linear(x):\n    return 2 * x\n",
    "mha/masks.py": (
        '"""Masks."""\nimport math\n\n\ndef causal(i, j=1):\n    """Who sees whom."""\n    return i >= j  # the past\n'
        "\n\ndef window(i, j=1):\n    return i == j\n"
    ),
    "mha/heads.py": (
        "from mha.cache import Cache\nfrom mha.linear import linear\nfrom mha.masks import causal\n\n\n"
        'class Head:\n    """One."""\n\n    def forward(self, x):\n        return linear(causal(x, "one"))\n'
    ),
    "mha/cache.py": "class Cache:\n    pass\n",
    "mha/alone.py": "def causal(i, j=1):\n    return i > j\n",
    "experiments/table.py": "import torch\nfrom mha.heads import Head\n\n\ndef run(seed):\n    return Head()\n",
}


def changed(*changes, moved=(), added=()):
    """The digests of the made-up table after replacements (path, old, new) and moves (old path, new path)."""
    sources = dict(SOURCES)
    for path, old, new in changes:
        assert old in sources[path]
        sources[path] = sources[path].replace(old, new)
    sources |= {new: sources.pop(old) for old, new in moved} | dict.fromkeys(added, '"""Words."""\n')
    return Code(list(sources.items())).digests("experiments.table")


MOVE = [("mha/linear.py", "mha/row_linear.py")]
DATES_NOTHING = {
    "a comment, a docstring, blank lines": changed(
        ("mha/masks.py", "# the past", "# and itself"),
        ("mha/masks.py", "Who sees whom.", "Said\n    better."),
        ("mha/masks.py", '"""Masks."""\n', ""),
        ("mha/masks.py", "\n\n\ndef window", "\ndef window"),
    ),
    "quotes and broken lines": changed(
        ("mha/heads.py", 'linear(causal(x, "one"))', "linear(\n            causal(x, 'one')\n        )")
    ),
    "a moved file": changed(("mha/heads.py", "mha.linear import", "mha.row_linear import"), moved=MOVE),
    "its import in its new place": changed(
        ("mha/heads.py", "from mha.linear import linear\n", ""),
        ("mha/heads.py", "import causal\n", "import causal\nfrom mha.row_linear import linear\n"),
        moved=MOVE,
    ),
    "a file moved into a package": changed(
        ("mha/heads.py", "mha.linear import", "mha.inner.linear import"),
        moved=[("mha/linear.py", "mha/inner/linear.py")],
        added=["mha/inner/__init__.py"],
    ),
    "a relative import": changed(("mha/heads.py", "from mha.masks", "from .masks")),
    "a module that nothing reaches": changed(("mha/alone.py", "i > j", "i < j")),
}
DATES = {
    "a line deep down": changed(("mha/masks.py", "i >= j", "i >= j + 1")),
    "a default": changed(("mha/masks.py", "causal(i, j=1)", "causal(i, j=2)")),
    "a string that looks like a comment": changed(("mha/heads.py", '"one"', '"# one"')),
    "another function under the same name": changed(("mha/heads.py", "import causal", "import window as causal")),
    "the same name from another module": changed(("mha/heads.py", "mha.masks import", "mha.alone import")),
    "two modules that change names": changed(
        ("mha/heads.py", "from mha.masks import causal", "from mha.alone import causal\nfrom mha.masks import window"),
    ),
    "a foreign module": changed(("mha/masks.py", "import math", "import cmath as math")),
    "code in a package": changed(
        ("mha/__init__.py", '"""What it is."""', "import torch\n\ntorch.set_flush_denormal(1)")
    ),
    "an import inside a function": changed(
        ("mha/cache.py", "pass", "def f(self):\n        from mha.alone import causal")
    ),
}


@pytest.mark.parametrize("change", DATES_NOTHING)
def test_what_dates_nothing(change):
    assert DATES_NOTHING[change] == changed()


@pytest.mark.parametrize("change", DATES)
def test_what_dates_a_table(change):
    assert DATES[change] != changed()


@pytest.mark.parametrize(
    "statement", ["from mha import masks", "import mha.masks as masks", "from . import masks", "import mha.masks"]
)
def test_a_module_as_a_name_is_followed(statement):
    by_name = ("mha/heads.py", "from mha.masks import causal", statement)
    assert changed(by_name) != changed(by_name, ("mha/masks.py", "i >= j", "i > j"))
    if "mha.masks" not in statement.split(" as ")[0]:
        other = ("mha/heads.py", "from mha.masks import causal", "from mha import masques as masks")
        assert changed(by_name) == changed(other, moved=[("mha/masks.py", "mha/masques.py")])


def test_two_functions_of_one_name_change_places():
    """Both modules are reached either way, so only the statements tell."""
    path = "experiments/table.py"
    first = (
        path,
        "import torch\n",
        "import torch\nfrom mha.masks import causal as a\nfrom mha.alone import causal as b\n",
    )
    second = (
        path,
        "import torch\n",
        "import torch\nfrom mha.alone import causal as a\nfrom mha.masks import causal as b\n",
    )
    assert changed(first) != changed(second)


def test_an_import_for_types_alone_is_not_followed():
    typed = ("mha/linear.py", "def", "if TYPE_CHECKING:\n    from mha.alone import causal\n\n\ndef")
    assert changed(typed) == changed(typed, ("mha/alone.py", "i > j", "i < j"))


def test_a_module_named_in_a_string_is_followed():
    named = ("mha/linear.py", "2 * x", 'import_module("mha.alone").causal(x)')
    assert changed(named) != changed(named, ("mha/alone.py", "i > j", "i < j"))


def test_modules_that_import_each_other_are_followed():
    circle = ("mha/masks.py", "import math", "from mha.heads import Head")
    assert changed(circle) != changed(circle, ("mha/linear.py", "2 * x", "3 * x"))
    assert len(changed(circle)) == len(changed())


def test_every_version_of_python_gives_the_same_hash():
    """The text of a syntax tree that Python itself gives does not."""
    source = (
        'import a, b as c\n\ndef f(x, *, y=-0.0, **z):\n    return f"{x!r:>{y}} {z=}" "s", rb"\\d" b"", ..., {**z}\n'
    )
    assert Code([("experiments/table.py", source)]).digests("experiments.table") == ["7a55fbf4fd3751d7c1f06b12ad122c86"]


TABLES = {path.stem for path in (ROOT / "experiments" / "results").glob("*.json")}
DEEP = [
    # every model attends, by mha.attention, which imports this
    (
        "mha/masks.py",
        "n_keys, device=device) >= 0",
        "n_keys, device=device) >= 1",
        TABLES,
    ),
    (
        "mha/models/ngram.py",
        "FALLBACK = (0.5, 1.0, 1.5)",
        "FALLBACK = (0.5, 1.0, 1.25)",
        {"gap_filling", "one_network", "shared_blocks"},
    ),
    # the rows of one table that another loads; its own hash is no part of it
    ("experiments/results/block_rates.json", '"seed": 100', '"seed": 101', {"block_ablation"}),
    ("experiments/results/block_rates.json", '"code_hash": "', '"code_hash": "0', set()),
]


@pytest.fixture(scope="module")
def copied(tmp_path_factory):
    """The packages in another folder."""
    root = tmp_path_factory.mktemp("copied")
    for package in filter(lambda name: (ROOT / name).is_dir(), PACKAGES):
        shutil.copytree(ROOT / package, root / package, ignore=shutil.ignore_patterns("__pycache__", "*.safetensors"))
    return root


@pytest.fixture(scope="module")
def before(copied):
    return {name: code_hash(name, [], copied) for name in TABLES}


@pytest.mark.parametrize(("path", "old", "new", "expected"), DEEP)
def test_one_line_deep_down_dates_the_tables_that_stand_on_it_and_no_other(copied, before, path, old, new, expected):
    text = (copied / path).read_text(encoding="utf-8")
    assert old in text
    (copied / path).write_text(text.replace(old, new, 1), encoding="utf-8")
    after = {name: code_hash(name, [], copied) for name in TABLES}
    (copied / path).write_text(text, encoding="utf-8")
    assert {name for name in TABLES if before[name] != after[name]} == expected


def test_settings_and_the_data_that_a_module_names_are_part_of_it(tmp_path):
    sources = SOURCES | {
        "mha/lists.py": 'FILE = "data/words.toml"\n',
        "experiments/table.py": "from mha import lists\n",
    }
    for path, text in sources.items():
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_text(text, encoding="utf-8")
    (tmp_path / "mha" / "data").mkdir()
    hashes = [code_hash("table", [{"seed": 0}], tmp_path), code_hash("table", [{"seed": 1}], tmp_path)]
    for name in ("words.toml", "words.toml", "other.toml"):
        (tmp_path / "mha" / "data" / name).write_text(f"# {len(hashes)}", encoding="utf-8")
        hashes.append(code_hash("table", [{"seed": 1}], tmp_path))
    assert len(set(hashes[:4])) == 4
    assert hashes[4] == hashes[3]


def test_a_table_stands_behind_those_it_loads():
    assert in_reading_order(["long_range", "block_ablation", "block_rates", "long_range_rates"]) == [
        "long_range_rates",
        "long_range",
        "block_rates",
        "block_ablation",
    ]
