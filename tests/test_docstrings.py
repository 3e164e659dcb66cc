"""The reader of docstrings, against what Python itself says of modules that are imported."""

from __future__ import annotations

import ast
import inspect
import sys
import textwrap

import pytest
import scipy.stats
from scipy import signal, special

from mha.tasks.docstrings import docstrings

SOURCE = '''
"""A module."""


class Thing:
    """A class.

    More of it.
    """

    def method(self):
        r"""A method, with \\beta."""

    def silent(self):
        return "no docstring"


if True:

    async def later():
        "A coroutine."


try:
    import fast
except ImportError:

    def fallback():
        "In an except."

else:

    def found():
        "In an else."

finally:

    def always():
        "In a finally."


match x:
    case 1:

        def one():
            "In a case."


def blank():
    "   "


def late():
    return 1
    "no docstring"


x = "no docstring"
b"no docstring"
add_newdoc_of_another_kind("no docstring")
add_newdoc("name", """
    A compiled function.

      Indented.
    """)
core.add_newdoc("module", "name", ("attribute", "An attribute."))
add_docstr(torch.abs, TEMPLATE.format("no constant"))
'''


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A package of three files, and what belongs to its tests."""
    for folder in ("tests", "testing", "a"):
        (tmp_path / "made_up" / folder).mkdir(parents=True)
    for name, source in {
        "made_up/__init__.py": '"""The package."""',
        "made_up/b.py": SOURCE,
        "made_up/a/__init__.py": 'x = "\\z"  # an escape that Python warns of\ndef f():\n    """In a subpackage."""',
        "made_up/tests/test_b.py": '"""A test."""',
        "made_up/testing/made.py": '"""What tests are made of."""',
        "made_up/conftest.py": '"""What tests are set up by."""',
    }.items():
        (tmp_path / name).write_text(textwrap.dedent(source))
    monkeypatch.syspath_prepend(tmp_path)
    return "made_up"


def test_what_is_found_and_in_which_order(package):
    assert list(docstrings(package)) == [
        ("made_up", "The package."),
        ("made_up.a", "In a subpackage."),
        ("made_up.b", "A module."),
        ("made_up.b", "A class.\n\nMore of it."),
        ("made_up.b", "A method, with \\beta."),
        ("made_up.b", "A coroutine."),
        ("made_up.b", "In an except."),
        ("made_up.b", "In an else."),
        ("made_up.b", "In a finally."),
        ("made_up.b", "In a case."),
        ("made_up.b", "A compiled function.\n\n  Indented."),
        ("made_up.b", "An attribute."),
    ]
    assert package not in sys.modules


@pytest.mark.parametrize("module", [scipy.stats._stats_py, signal._signaltools, special._basic])
def test_a_real_modules_functions_are_all_there(module):
    read = {text for name, text in docstrings("scipy") if name == module.__name__}
    functions = [node for node in ast.parse(inspect.getsource(module)).body if isinstance(node, ast.FunctionDef)]
    expected = {inspect.cleandoc(text) for node in functions if (text := ast.get_docstring(node, clean=False))}
    assert len(expected) > 20
    assert expected <= read


def test_compiled_functions_are_there():
    found = [text for name, text in docstrings("scipy") if name == "scipy.special._add_newdocs"]
    assert any(text.startswith("huber(delta, r, out=None)") for text in found)


def test_a_package_that_is_not_there_is_named():
    for name in ("not_there", "ast", "", ".scipy"):  # a module alone is no package
        with pytest.raises(ModuleNotFoundError, match=f"{name} is not an installed package: pip install"):
            list(docstrings(name))
    with pytest.raises(TypeError, match="package must be the name of one package, got list"):
        list(docstrings(["scipy"]))
