"""The live page's engine in a browser: served by http, asked, its answers as arrays; and what Python says instead."""

from __future__ import annotations

import base64
import http.server
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from playwright.sync_api import Page

from mha.models.pretrained import load_minilm
from mha.models.pretrained_reactions import load_rxnmapper
from mha.recording import record_attention

Array = NDArray[Any]

# Numbers come over as base64: a map has 300,000 of them. An error comes as what it is, not as one of playwright's.
ASK = """async ([request, plain]) => {
  const coded = array => {
    let text = "";
    for (const byte of new Uint8Array(array.buffer)) text += String.fromCharCode(byte);
    return btoa(text);
  };
  LiveEngine.plain = plain;
  const progress = [];
  try {
    const answer = await LiveEngine.ask(request, step => progress.push(step));
    for (const name of ["ids", "attention", "output", "norms", "vector"]) answer[name] = coded(answer[name]);
    return {...answer, progress};
  } catch (error) {
    return {kind: error.kind, message: error.message};
  }
}"""


@dataclass
class Server:
    """Files over http from this machine; notes what was asked for, and answers 503 for names in `failing`."""

    folder: Path
    address: str
    asked: list[str] = field(default_factory=list)
    failing: set[str] = field(default_factory=set)


@contextmanager
def serve(folder: Path) -> Iterator[Server]:
    class Handler(http.server.SimpleHTTPRequestHandler):
        def do_GET(self) -> None:
            name = self.path.rpartition("/")[2]
            served.asked.append(name)
            if any(name.startswith(start) for start in served.failing):
                self.send_error(503)
            else:
                super().do_GET()

        def log_message(self, *_: Any) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=folder)) as server:
        served = Server(folder, f"http://127.0.0.1:{server.server_port}/")
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield served
        server.shutdown()


def ask(page: Page, text: Any, model: str = "sentence", *, plain: bool = False, **options: Any) -> dict[str, Any]:
    """An answer with NumPy arrays in it, or an error's kind and message."""
    found = page.evaluate(ASK, [{"model": model, "text": text, **options}, plain])
    if "kind" in found:
        return found
    layers, heads, length = found["layers"], found["heads"], found["length"]
    shapes = {
        "attention": (layers, heads, length, length),
        "output": (layers, heads, -1),
        "norms": (layers, heads),
        "vector": (-1,),
    }
    for name, shape in shapes.items():
        found[name] = np.frombuffer(base64.b64decode(found[name]), np.float32).reshape(shape)
    found["ids"] = np.frombuffer(base64.b64decode(found["ids"]), np.int32)
    return found


@dataclass
class Told:
    """What Python says of a text."""

    tokens: list[str]
    attention: Array  # (layers, heads, i, i)
    vector: Array  # (width,)


class Reference:
    """Both models in Python."""

    def __init__(self) -> None:
        self.sentence, self.words = load_minilm()
        self.reaction, self.smiles = load_rxnmapper()

    @torch.no_grad()
    def read(self, text: str, model: str = "sentence", longest: int = 64) -> Told:
        encoding = (self.words if model == "sentence" else self.smiles).encode(text)
        tokens, ids = encoding.tokens, encoding.ids
        if len(ids) > longest and model == "sentence":
            tokens, ids = [*tokens[: longest - 1], tokens[-1]], [*ids[: longest - 1], ids[-1]]
        encoder = self.sentence if model == "sentence" else self.reaction.encoder
        with record_attention(encoder) as maps:
            hidden = encoder(torch.tensor([ids]))[0]
        calls = [weights[0] for name in maps for weights in maps.calls(name)]
        mean = hidden.mean(0)
        return Told(tokens, torch.stack(calls).numpy(), (mean / mean.norm()).numpy())
