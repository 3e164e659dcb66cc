"""The book's Sphinx extension: launch buttons, stored verdicts, the map of the parts."""

from __future__ import annotations

import copy
import json
import re
import subprocess
from pathlib import Path
from types import SimpleNamespace

import pytest

from book.ext.measured_book import hosting, offline, pages, stored
from course.claims import MIME_TYPE, Claim, read_claims
from tests.small_book import build, write_small_book

ROOT = Path(__file__).resolve().parent.parent
GITHUB = hosting.Hosting("https://github.com/owner/name", "github")
GITLAB = hosting.Hosting("https://gitlab.com/owner/name", "gitlab")
SUBGROUP = hosting.Hosting("https://gitlab.com/group/subgroup/name", "gitlab")
CHAPTER = "foundations/multi_head"
UNKNOWN = {"label": "share", "value": 1, "interval": None, "criterion": "above 0", "outcome": "passed", "n": 1}
UNKNOWN |= {"when": None, "unit": ""}


@pytest.mark.parametrize(
    ("remote", "expected"),
    [
        ("https://github.com/owner/name.git", GITHUB),
        ("https://github.com/owner/name", GITHUB),
        ("https://github.com/owner/name/", GITHUB),
        ("https://user:secret@github.com/owner/name.git", GITHUB),
        ("https://secret@github.com/owner/name.git", GITHUB),
        ("git@github.com:owner/name.git", GITHUB),
        ("git@GitHub.com:owner/name", GITHUB),
        ("ssh://git@github.com/owner/name.git", GITHUB),
        ("ssh://git@github.com:22/owner/name.git", GITHUB),
        ("git://github.com/owner/name.git", GITHUB),
        ("git@gitlab.com:owner/name.git", GITLAB),
        ("https://gitlab.com/owner/name.git\n", GITLAB),
        ("https://github.com/owner/na.me-1_2.git", hosting.Hosting("https://github.com/owner/na.me-1_2", "github")),
        ("https://gitlab.com/group/subgroup/name.git", SUBGROUP),
        ("git@gitlab.com:group/subgroup/name.git", SUBGROUP),
        ("ssh://git@altssh.gitlab.com:443/owner/name.git", GITLAB),
        ("ssh://git@ssh.github.com:443/owner/name.git", GITHUB),
        ("ssh://github.com/owner/name", GITHUB),
        ("git+ssh://git@github.com/owner/name.git", GITHUB),
        ("github.com:owner/name.git", GITHUB),
        ("git@github.com:/owner/name.git", GITHUB),
        ("HTTPS://GitHub.com/owner/name.git/", GITHUB),
        ("https://www.github.com/owner/name", GITHUB),
        ("https://github.com:443/owner/name.git", GITHUB),
        ("https://x-access-token:ghs_se@cret@github.com/owner/name.git", GITHUB),
        ("https://oauth2:glpat-secret@gitlab.com/owner/name", GITLAB),
        ("https://github.com/owner/name/tree/main", None),
        ("https://github.com/../name", None),
        ("https://github.com/owner/name?token=secret", None),
        ("https://github.com@git.example.org/owner/name", None),
        ("git@git.example.org:github.com/owner/name", None),
        ("file:///srv/github.com/owner/name", None),
        ("https://git.example.org/owner/name.git", None),
        ("https://github.com.example.org/owner/name.git", None),
        ("https://github.com/owner", None),
        ("https://github.com/owner/name?x=<script>", None),
        ("/srv/git/name.git", None),
        ("../name.git", None),
        ("C:\\repositories\\name", None),
        ("", None),
    ],
)
def test_remote_tells_where_the_book_is_hosted(remote, expected):
    assert hosting.parse_remote(remote) == expected


# What another machine's CI may have set; these tests set their own.
OF_THE_BUILD = ("MHA_REPOSITORY", "MHA_BRANCH", "GIT_DIR", "GITHUB_REPOSITORY", "CI_PROJECT_PATH")


@pytest.fixture
def repository(tmp_path, monkeypatch):
    for name in OF_THE_BUILD:
        monkeypatch.delenv(name, raising=False)
    subprocess.run(["git", "init", "--quiet", str(tmp_path)], check=True)
    return tmp_path


def test_hosting_is_found_in_the_remote_and_the_environment_overrules_it(repository, monkeypatch):
    assert hosting.find_hosting(repository) is None
    subprocess.run(["git", "remote", "add", "origin", "git@github.com:owner/name.git"], cwd=repository, check=True)
    assert hosting.find_hosting(repository) == GITHUB
    monkeypatch.setenv("MHA_REPOSITORY", "https://gitlab.com/owner/name")
    assert hosting.find_hosting(repository) == GITLAB
    monkeypatch.setenv("MHA_REPOSITORY", "")
    assert hosting.find_hosting(repository) is None


def test_branch_is_the_default_of_the_remote_else_main(repository, monkeypatch):
    assert hosting.find_branch(repository, GITHUB) == "main"
    head = "refs/remotes/origin/HEAD"
    subprocess.run(["git", "symbolic-ref", head, "refs/remotes/origin/trunk"], cwd=repository, check=True)
    assert hosting.find_branch(repository, GITHUB) == "trunk"
    monkeypatch.setenv("MHA_BRANCH", "spring")
    assert hosting.find_branch(repository, GITHUB) == "spring"


def test_a_checkout_without_a_default_branch_opens_what_it_follows(repository, tmp_path_factory):
    """As actions/checkout leaves it: one branch, fetched, followed; no refs/remotes/origin/HEAD."""
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@example.org"]
    subprocess.run([*git, "commit", "-q", "--allow-empty", "-m", "x"], cwd=repository, check=True)
    subprocess.run([*git, "branch", "-M", "spring/term"], cwd=repository, check=True)
    checkout = tmp_path_factory.mktemp("checkout")
    for command in (
        ["init", "-q"],
        ["remote", "add", "origin", str(repository)],
        ["fetch", "-q", "origin"],
        ["checkout", "-q", "-B", "spring/term", "origin/spring/term"],
    ):
        subprocess.run([*git, *command], cwd=checkout, check=True)
    subprocess.run([*git, "remote", "set-head", "origin", "--delete"], cwd=checkout, check=False, capture_output=True)
    assert hosting.find_branch(checkout, GITHUB) == "spring/term"
    subprocess.run([*git, "checkout", "-q", "--detach"], cwd=checkout, check=True)
    assert hosting.find_branch(checkout, GITHUB) == "main"


GITHUB_CI = {"GITHUB_REPOSITORY": "Owner/name", "GITHUB_REF_TYPE": "branch", "GITHUB_REF": "refs/heads/spring"}
PULL_REQUEST = {"GITHUB_REF": "refs/pull/5/merge", "GITHUB_REF_NAME": "5/merge", "GITHUB_BASE_REF": "trunk"}
GITLAB_CI = {"CI_PROJECT_PATH": "owner/name"}


@pytest.mark.parametrize(
    ("where", "variables", "expected"),
    [
        (GITHUB, GITHUB_CI | {"GITHUB_REF_NAME": "spring"}, "spring"),
        (GITHUB, GITHUB_CI | {"GITHUB_REF_TYPE": "tag", "GITHUB_REF_NAME": "v1"}, "v1"),
        (GITHUB, GITHUB_CI | PULL_REQUEST, "trunk"),
        (SUBGROUP, GITHUB_CI | {"GITHUB_REF_NAME": "spring"}, "main"),  # CI of another repository
        (GITLAB, GITLAB_CI | {"CI_COMMIT_BRANCH": "spring"}, "spring"),
        (GITLAB, GITLAB_CI | {"CI_COMMIT_TAG": "v1"}, "v1"),
        (GITLAB, GITLAB_CI | {"CI_MERGE_REQUEST_TARGET_BRANCH_NAME": "trunk"}, "trunk"),
        (SUBGROUP, {"CI_PROJECT_PATH": "group/subgroup/name", "CI_COMMIT_BRANCH": "spring"}, "spring"),
    ],
)
def test_in_ci_the_buttons_open_what_is_built(repository, monkeypatch, where, variables, expected):
    for name in ("GITHUB_BASE_REF", "CI_COMMIT_BRANCH", "CI_COMMIT_TAG", "CI_MERGE_REQUEST_TARGET_BRANCH_NAME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert hosting.find_branch(repository, where) == expected
    monkeypatch.setenv("MHA_BRANCH", "autumn")
    assert hosting.find_branch(repository, where) == "autumn"


def configured(folder):
    config = SimpleNamespace(html_theme_options={"repository_url": "default", "other": 1}, author="us")
    hosting.configure(SimpleNamespace(confdir=str(folder)), config)
    return config.html_theme_options


def test_subgroups_are_one_name_for_binder_and_several_on_the_page(repository, monkeypatch):
    monkeypatch.setenv("MHA_REPOSITORY", f"https://oauth2:secret@gitlab.com/{SUBGROUP.path}.git")
    monkeypatch.setenv("MHA_BRANCH", "spring term")
    options = configured(repository)
    assert options["repository_url"] == "https://gitlab.com/group%2Fsubgroup/name"
    assert options["repository_branch"] == "spring%20term"
    assert "secret" not in str(options)
    button = {"label": "source-repository-button", "url": options["repository_url"]}
    hosting.mend_repository_button(None, "", "", {"header_buttons": [button, {"label": "other"}]}, None)
    assert button["url"] == SUBGROUP.url


def test_an_address_that_was_asked_for_and_leads_nowhere_is_named_without_its_token(repository, monkeypatch):
    warnings = []
    monkeypatch.setattr(hosting.LOGGER, "warning", warnings.append)
    monkeypatch.setenv("MHA_REPOSITORY", "https://user:secret@git.example.org/owner/name")
    assert configured(repository)["launch_buttons"] == {}
    assert "MHA_REPOSITORY" in warnings[0]
    assert "secret" not in warnings[0]


def test_without_git_there_are_no_buttons(tmp_path, monkeypatch):
    monkeypatch.delenv("MHA_REPOSITORY", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert configured(tmp_path) == {
        "repository_url": "", "repository_branch": "", "launch_buttons": {}, "use_repository_button": False, "other": 1,
    }  # fmt: skip


def test_colab_opens_github_only():
    assert set(GITHUB.launch_buttons()) - set(GITLAB.launch_buttons()) == {"colab_url"}


def test_year_is_that_of_the_build(monkeypatch):
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "951782400")
    assert hosting.build_year() == "2000"


@pytest.fixture
def small_book(tmp_path):
    write_small_book(tmp_path, notebook("# Title"), notebook("# Title"))
    return tmp_path


@pytest.mark.parametrize(
    ("remote", "expected"),
    [
        (
            "git@github.com:owner/name.git",
            {
                "https://github.com/owner/name",
                "https://mybinder.org/v2/gh/owner/name/trunk?urlpath=lab/tree/chapters/part/one.ipynb",
                "https://colab.research.google.com/github/owner/name/blob/trunk/chapters/part/one.ipynb",
            },
        ),
        (
            "https://oauth2:secret@gitlab.com/group/subgroup/name.git",
            {
                "https://gitlab.com/group/subgroup/name",
                "https://mybinder.org/v2/gl/group%2Fsubgroup%2Fname/trunk?urlpath=lab/tree/chapters/part/one.ipynb",
            },
        ),
    ],
)
def test_a_hosted_book_launches_its_notebooks(small_book, remote, expected):
    assert build(small_book, MHA_REPOSITORY=remote, MHA_BRANCH="trunk").returncode == 0
    page = (small_book / "_build/html/chapters/part/one.html").read_text(encoding="utf-8")
    assert set(re.findall(r'href="(https://(?:mybinder|colab|github|gitlab)[^"]+)"', page)) == expected
    assert "secret" not in page


def test_an_unreadable_chapter_is_named_and_the_others_are_built(small_book):
    contents = "format: jb-book\nroot: index\nchapters: [{file: chapters/part/one}, {file: chapters/part/two}]\n"
    (small_book / "_toc.yml").write_text(contents)
    (small_book / "chapters/part/two.ipynb").write_text('{\n<<<<<<< HEAD\n"cells": []}')
    (small_book / "index.ipynb").write_text(json.dumps(notebook("# T\n\n```{parts}\npart | Part | all\n```")))
    said = build(small_book)
    assert "chapters/part/two.ipynb is no notebook: line 2 is no JSON: '<<<<<<< HEAD'" in said.stdout + said.stderr
    page = (small_book / "_build/html/index.html").read_text(encoding="utf-8")
    assert "chapters/part/one.html" in page


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("", "line 1 is no JSON: ''"),
        ('{"cells": [],\n=======\n', "line 2 is no JSON: '======='"),
        ("[1]", "no notebook of format 4"),
        ('{"nbformat": 3, "worksheets": []}', "no notebook of format 4"),
        ('{"cells": [{"cell_type": "code"}]}', "no notebook of format 4"),
    ],
)
def test_what_is_no_notebook_is_said(text, match):
    with pytest.raises(ValueError, match=match):
        stored.parse_notebook(text)


def test_a_notebook_may_leave_out_what_is_empty():
    bare = stored.parse_notebook('{"cells": [{"cell_type": "code", "source": []}, {"cell_type": "raw", "source": ""}]}')
    assert stored.read_verdicts(CHAPTER, bare) == []
    assert stored.minutes_to_read(bare) == 5
    assert stored.minutes_to_run(bare) == ""


def test_mathjax_comes_from_the_installed_package(monkeypatch):
    assert (offline.find_mathjax() / offline.FONTS / "MathJax_Main-Regular.woff").is_file()
    monkeypatch.setattr(offline, "CARRIER", "no-such-package")
    with pytest.raises(FileNotFoundError, match="pip install no-such-package"):
        offline.find_mathjax()


def notebook(text="# Heads\n\nWords.", *records, run_s=None, code="x = 1\n\ny = 2"):
    outputs = [{"output_type": "display_data", "metadata": {}, "data": {MIME_TYPE: b}} for b in records]
    cells = [{"cell_type": "markdown", "metadata": {}, "source": text, "id": "a"}]
    cells += [
        {"cell_type": "code", "metadata": {}, "source": code, "outputs": [o], "id": f"b{n}", "execution_count": n}
        for n, o in enumerate(outputs, 1)
    ]
    metadata = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    metadata["mha"] = {} if run_s is None else {"run_s": run_s}
    return {"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}


@pytest.fixture
def record():
    claim = Claim("C05")
    claim.measure("share", [0.8, 0.81, 0.79, 0.8, 0.82], above=0.5, when="there are two heads")
    claim.measure("share", [0.3, 0.31, 0.29, 0.3, 0.32], above=0.5)
    return claim._repr_mimebundle_()[MIME_TYPE]


@pytest.fixture
def claims():
    return list(read_claims((ROOT / "course/claims.toml").read_text(encoding="utf-8")).values())


def test_all_claims_are_read(claims):
    assert [claim.id for claim in claims] == [f"C{n:02}" for n in range(1, 58)]
    assert next(claim for claim in claims if claim.id == "C05").chapters == (CHAPTER,)


def test_a_stored_verdict_is_read_and_stands(record, claims):
    (verdict,) = stored.read_verdicts(CHAPTER, notebook("# Heads", record))
    assert (verdict.chapter, verdict.id, verdict.cell, verdict.anchor) == (CHAPTER, "C05", 1, "verdict-c05")
    assert stored.find_problems(claims, [verdict]) == []
    low, high = record["measurements"][0]["interval"]
    first, second = (m.line() for m in verdict.measurements)
    assert first == f"share, when there are two heads: 0.804 [{low:.3f}, {high:.3f}], n = 5; above 0.5: pass"
    assert second.endswith("above 0.5: fail")


def test_of_two_verdicts_on_a_claim_in_a_chapter_the_last_counts(record):
    first = copy.deepcopy(record) | {"verdict": "undecided"}
    assert [(v.cell, v.record) for v in stored.read_verdicts(CHAPTER, notebook("#", first, record))] == [(2, record)]


@pytest.mark.parametrize(
    ("changes", "chapter", "match"),
    [
        ({"id": "C99"}, CHAPTER, "no claim is called 'C99'"),
        ({}, "models/bert", f"C05 is tested in {CHAPTER}, not here"),
        ({"claim": "Something else."}, CHAPTER, "run the chapter again"),
        ({"verdict": "holds"}, CHAPTER, "say 'holds if', the stored verdict is 'holds'"),
        ({"condition": None}, CHAPTER, "the stored verdict is"),
        ({"measurements": []}, CHAPTER, "needs measurements"),
        ({"measurements": [UNKNOWN]}, CHAPTER, "the outcome 'passed', not one of pass, fail, undecided"),
        ({"measurements": [{"label": "share"}]}, CHAPTER, "each with criterion, interval, label"),
    ],
)
def test_a_verdict_that_cannot_stand_is_named(record, claims, changes, chapter, match):
    (verdict,) = stored.read_verdicts(chapter, notebook("# Heads", record | changes))
    (problem,) = stored.find_problems(claims, [verdict])
    assert problem.startswith(f"{chapter}, cell 1: ")
    assert match in problem


def test_title_is_the_first_heading():
    assert stored.find_title(notebook("intro\n\n# The *title*\n\n## Below\n# Later")) == "The *title*"
    with pytest.raises(ValueError, match="heading of the first level"):
        stored.find_title(notebook("## Only this"))


def test_minutes_to_read_count_words_and_lines_of_code_in_fives(record):
    assert stored.minutes_to_read(notebook("one " * 1001)) == 10  # 200 a minute
    assert stored.minutes_to_read(notebook("one " * 1000)) == 5
    assert stored.minutes_to_read(notebook("")) == 5
    assert stored.minutes_to_read(notebook("", record, code="x\n\n" * 101)) == 10  # 20 a minute


@pytest.mark.parametrize(("run_s", "said"), [(None, ""), (0.4, "under 1 min"), (59, "under 1 min"), (61, "2 min")])
def test_minutes_to_run_are_those_stored(run_s, said):
    assert stored.minutes_to_run(notebook(run_s=run_s)) == said


def test_chapters_to_come_are_spelt_as_words():
    assert pages.spelt("cost/gpu_timing") == "GPU timing"
    assert pages.spelt("foundations/queries_keys_values") == "queries keys values"
