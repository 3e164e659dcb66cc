"""Where the book is hosted from, found at build time, so that a fork's launch buttons open the fork."""

from __future__ import annotations

import os
import re
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

BINDER = "https://mybinder.org"
COLAB = "https://colab.research.google.com"
PROVIDERS = {"github.com": "github", "gitlab.com": "gitlab"}  # those that Binder knows by name

# https://user:token@host/owner/name.git, ssh://git@host:22/owner/name and git@host:owner/name
URL = re.compile(r"^(?:https?|ssh|git)://(?:[^@/]+@)?(?P<host>[^/:]+)(?::\d+)?/(?P<path>.+)$")
SCP = re.compile(r"^(?:[^@/]+@)(?P<host>[^/:]+):(?P<path>[^/].*)$")


@dataclass(frozen=True)
class Hosting:
    """A repository that launch buttons can point to: its page and who hosts it ("github" or "gitlab")."""

    url: str
    provider: str

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
    match = URL.match(remote.strip()) or SCP.match(remote.strip())
    if match is None or match["host"].lower() not in PROVIDERS:
        return None
    path = match["path"].strip("/").removesuffix(".git")
    if not re.fullmatch(r"[\w.-]+/[\w.-]+", path):
        return None
    host = match["host"].lower()
    return Hosting(f"https://{host}/{path}", PROVIDERS[host])


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


def find_branch(folder: Path) -> str:
    """The branch the buttons open: MHA_BRANCH, else the remote's default branch, else main."""
    default = ask_git(folder, "symbolic-ref", "--short", "refs/remotes/origin/HEAD").removeprefix("origin/")
    return os.environ.get("MHA_BRANCH") or default or "main"


def build_year() -> str:
    """The year of the build; SOURCE_DATE_EPOCH, where it is set, for a build that can be repeated."""
    return str(time.gmtime(int(os.environ.get("SOURCE_DATE_EPOCH", time.time()))).tm_year)


def configure(app: Any, config: Any) -> None:
    """Give the theme the repository, the branch, the launch buttons and the year (on `config-inited`)."""
    folder = Path(app.confdir)
    hosting = find_hosting(folder)
    options = dict(config.html_theme_options)
    options["repository_url"] = hosting.url if hosting else ""
    options["repository_branch"] = find_branch(folder) if hosting else ""
    options["launch_buttons"] = hosting.launch_buttons() if hosting else {}
    options["use_repository_button"] = hosting is not None
    config.html_theme_options = options
    config.copyright = f"{build_year()}, {config.author}"
