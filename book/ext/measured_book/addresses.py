"""The bibliography's style: the one address of each entry, short, as a link."""

from __future__ import annotations

import re
from typing import Any

from pybtex.plugin import register_plugin
from pybtex.style.formatting.alpha import Style
from pybtex.style.template import field, href

SHORTER = ((r"https://arxiv\.org/abs/", "arXiv:"), (r"https://doi\.org/", "doi:"), (r"https?://(www\.)?", ""))

__all__ = ["register", "shortened"]


def shortened(url: str) -> str:
    """`https://arxiv.org/abs/1706.03762` -> "arXiv:1706.03762"; another address without its scheme."""
    for start, short in SHORTER:
        if re.match(start, url):
            return re.sub(start, short, url)
    return url


class ShortAddresses(Style):
    """pybtex's alpha style, which would print "URL: " and all of the address."""

    def format_url(self, e: Any) -> Any:
        return href(field("url", raw=True))[field("url", raw=True, apply_func=shortened)]


def register() -> None:
    """Make it known to pybtex as `short_addresses`."""
    register_plugin("pybtex.style.formatting", "short_addresses", ShortAddresses)
