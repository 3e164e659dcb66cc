"""Where the book is hosted from, found at build time, so that a fork's launch buttons open the fork."""

from __future__ import annotations

import os
import re
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

from sphinx.util import logging

LOGGER = logging.getLogger(__name__)
BINDER = "https://mybinder.org"
COLAB = "https://colab.research.google.com"
# Those that Binder knows by name, by each of their hosts; the second of a pair is for ssh where port 22 is closed.
PROVIDERS = {"github.com": "github", "ssh.github.com": "github", "gitlab.com": "gitlab", "altssh.gitlab.com": "gitlab"}
DEEPEST = {"github": 2, "gitlab": 21}  # names in a path: GitLab has groups within groups

# https://user:token@host/owner/name.git, ssh://git@host:22/owner/name and git@host:owner/name
URL = re.compile(r"(?:https?|(?:git\+)?ssh|git)://(?:[^/]*@)?(?P<host>[^/:@]+)(?::\d+)?/(?P<path>.+)", re.IGNORECASE)
SCP = re.compile(r"(?:[^/:]*@)?(?P<host>[^/:@]+):(?P<path>.+)")
NAME = re.compile(r"(?!\.+$)[\w.-]+", re.ASCII)


@dataclass(frozen=True)
class Hosting:
    """A repository that launch buttons can point to: its page and who hosts it ("github" or "gitlab")."""

    url: str
    provider: str

    @property
    def path(self) -> str:
        """`owner/name`, with GitLab's subgroups between."""
        return self.url.split("/", 3)[3]

    @property
    def url_for_the_theme(self) -> str:
        """The page's address with all but the last name escaped into one, since the theme counts on two names."""
        owner, _, name = self.path.rpartition("/")
        return f"{self.url.removesuffix(self.path)}{quote(owner, safe='')}/{name}"

    def launch_buttons(self) -> dict[str, str]:
        """The theme's options for the buttons: Binder for both providers, Colab for GitHub alone."""
        buttons = {"notebook_interface": "jupyterlab", "binderhub_url": BINDER}
        if self.provider == "github":
            buttons["colab_url"] = COLAB
        return buttons


def parse_remote(remote: str) -> Hosting | None:
    """The hosting a git remote stands for, in its https or ssh form; None if no launch button can use it.

    A user name or a token in the address is dropped: it must not reach a published page.
    """
    match = URL.fullmatch(remote.strip()) or SCP.fullmatch(remote.strip())
    host = match["host"].lower().removeprefix("www.") if match else ""
    if match is None or host not in PROVIDERS:
        return None
    provider = PROVIDERS[host]
    names = match["path"].strip("/").removesuffix(".git").split("/")
    if not 2 <= len(names) <= DEEPEST[provider] or not all(map(NAME.fullmatch, names)):
        return None
    return Hosting(f"https://{provider}.com/{'/'.join(names)}", provider)


def ask_git(folder: Path, *arguments: str) -> str:
    """What git answers in a folder, or "" where there is no git, no repository or no answer."""
    try:
        answer = subprocess.run(["git", *arguments], cwd=folder, capture_output=True, text=True, check=True, timeout=10)
    except (OSError, subprocess.SubprocessError):
        return ""
    return answer.stdout.strip()


def find_hosting(folder: Path) -> Hosting | None:
    """From MHA_REPOSITORY if it is set (empty: no buttons), else from the remote `origin` of the folder."""
    remote = os.environ.get("MHA_REPOSITORY")
    return parse_remote(ask_git(folder, "remote", "get-url", "origin") if remote is None else remote)


def ci_branch(hosting: Hosting) -> str:
    """The branch or tag that GitHub's or GitLab's CI has checked out of this repository; "" elsewhere.

    A pull request's own branch may lie in another repository; what it is to be merged into lies in this one.
    """
    ask = os.environ.get
    if ask("GITHUB_REPOSITORY", "").lower() == hosting.path.lower():
        if ask("GITHUB_REF_TYPE") in {"branch", "tag"} and not ask("GITHUB_REF", "").startswith("refs/pull/"):
            return ask("GITHUB_REF_NAME", "")
        return ask("GITHUB_BASE_REF", "")
    if ask("CI_PROJECT_PATH", "").lower() == hosting.path.lower():
        return ask("CI_MERGE_REQUEST_TARGET_BRANCH_NAME") or ask("CI_COMMIT_BRANCH") or ask("CI_COMMIT_TAG") or ""
    return ""


def find_branch(folder: Path, hosting: Hosting) -> str:
    """The branch the buttons open: MHA_BRANCH, else the one that CI builds, else the remote's default branch.

    A checkout that knows no default, as CI's do not, leaves the branch that the present one follows, else main.
    """
    default = ask_git(folder, "symbolic-ref", "--short", "refs/remotes/origin/HEAD")
    followed = default or ask_git(folder, "rev-parse", "--abbrev-ref", "--symbolic-full-name", "@{upstream}")
    known = followed.removeprefix("origin/") if followed.startswith("origin/") else ""
    return os.environ.get("MHA_BRANCH") or ci_branch(hosting) or known or "main"


def build_year() -> str:
    """The year of the build; SOURCE_DATE_EPOCH, where it is set, for a build that can be repeated."""
    return str(time.gmtime(int(os.environ.get("SOURCE_DATE_EPOCH", time.time()))).tm_year)


def configure(app: Any, config: Any) -> None:
    """Give the theme the repository, the branch, the launch buttons and the year (on `config-inited`)."""
    folder = Path(app.confdir)
    hosting = find_hosting(folder)
    if hosting is None and os.environ.get("MHA_REPOSITORY"):  # its value may hold a token
        LOGGER.warning("MHA_REPOSITORY is the address of no repository on github.com or gitlab.com: no launch buttons")
    options = dict(config.html_theme_options)
    options["repository_url"] = hosting.url_for_the_theme if hosting else ""
    options["repository_branch"] = quote(find_branch(folder, hosting)) if hosting else ""
    options["launch_buttons"] = hosting.launch_buttons() if hosting else {}
    options["use_repository_button"] = hosting is not None
    config.html_theme_options = options
    config.copyright = f"{build_year()}, {config.author}"


def mend_repository_button(app: Any, page: str, template: str, context: dict[str, Any], doctree: Any) -> None:
    """Let the button that shows the repository lead to its page, in which subgroups stand unescaped."""
    for button in context.get("header_buttons", []):
        if button.get("label") == "source-repository-button":
            button["url"] = unquote(button["url"])
