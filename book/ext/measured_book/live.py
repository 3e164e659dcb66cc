"""What the live page computes with: the engine's scripts, its kernel, and two pretrained models as int8, in live/.

Nothing of the weights is committed: they come from the installed data packages, whose hashes are checked. A file's name
holds its content's hash, so that browsers may keep it; what has not changed since the last build is not made again.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sphinx.util import logging

LOGGER = logging.getLogger(__name__)
PAGE = "book/live"  # the page that the engine computes for; without it nothing is written
SOURCES = Path("book") / "live"
FOLDER = "live"  # beside the pages; not in _static/, whose scripts the book loads on every page
ALIGNMENT = 16  # bytes; as model.js says
GROUP = 32  # weights of a row that share a factor; as model.js says
ROWS = 48  # of the vocabulary in a shard: 19 kB, one for each rare word
TINY = np.float32(1e-20)  # a row of zeros has a scale, too
ROUNDING = 1e-4  # of a factor that is a whole number but for it
LOADERS = ("pretrained", "pretrained_reactions")  # modules of mha.models
LONGEST = {"sentence": 64, "reaction": 128}  # tokens
MAP = (10, 5)  # the layer and head that ties atoms to where they came from, from 0: Schwaller et al. 2021

Tensor = NDArray[Any]


@dataclass
class Shard:
    """Tensors one behind the other, and where each begins; its matrices are packed, fine or not."""

    name: str
    fine: bool = False
    content: bytearray = field(default_factory=bytearray)
    text: list[int] = field(default_factory=list)  # where it begins, and its bytes
    tensors: dict[str, dict[str, Any]] = field(default_factory=dict)

    def append(self, array: Tensor) -> int:
        self.content += bytes(-len(self.content) % ALIGNMENT)
        at = len(self.content)
        self.content += array.tobytes()
        return at

    def add(self, name: str, array: Tensor) -> None:
        """A vector or a table as it is."""
        self.tensors[name] = {"at": self.append(array), "shape": list(array.shape)}

    def add_rows(self, name: str, matrix: Tensor) -> None:
        """A matrix in parts: int8 rows, what makes them finer, the rows' scales."""
        parts = {part: self.append(array) for part, array in pack(matrix, fine=self.fine).items()}
        self.tensors[name] = {"shape": list(matrix.shape), **parts}

    def add_text(self, lines: Iterable[str]) -> None:
        content = "\n".join(lines).encode()
        self.text = [self.append(np.frombuffer(content, np.uint8)), len(content)]


def pack(matrix: Tensor, *, fine: bool) -> dict[str, Tensor]:
    """Weights in parts: int8 · a factor of 8 bits for each 32 of a row · the row's scale; fine: 12 bits for int8's 8.

    By a row's scale alone, maps of the sentence encoder are off by up to 0.1, and an empty text's vector by 5 degrees.

    Args:
        matrix: (n, k) float32; 32 divides k.
    Returns:
        at (n, k) int8; groups (n, k / 32) uint8; fine (n, k / 2) uint8, the lower 4 bits of two weights; scale (n,).
    """
    most_whole = 127 * 16 + 7 if fine else 127
    groups = matrix.reshape(len(matrix), -1, GROUP)
    most = np.maximum(np.abs(groups).max(2), TINY)  # (n, k / 32)
    scale = most.max(1) / np.float32(most_whole * 255)
    factors = np.clip(np.ceil(most / (most_whole * scale[:, None]) - ROUNDING), 1, 255)
    whole = np.rint(groups / (factors * scale[:, None])[..., None]).clip(-most_whole, most_whole)
    whole = whole.astype(np.int16).reshape(matrix.shape)
    parts = {"at": whole.astype(np.int8), "groups": factors.astype(np.uint8), "scale": scale}
    if not fine:
        return parts
    coarse = (whole + 8) >> 4
    lower = (whole - 16 * coarse + 8).astype(np.uint8)  # 0 to 15
    packed = {"at": coarse.astype(np.int8), "fine": lower[:, ::2] | lower[:, 1::2] << 4}
    return {**parts, **packed, "scale": 16 * scale}  # the engine reads sixteenths


def copy_live(app: Any, error: Exception | None) -> None:
    """Put the engine and its weights beside the pages (on `build-finished`)."""
    if error is None and app.builder.format == "html" and PAGE in app.env.found_docs:
        try:
            write(Path(app.confdir) / SOURCES, Path(app.outdir) / FOLDER)
        except (FileNotFoundError, ConnectionError) as problem:
            LOGGER.warning(f"the live page has nothing to compute with: {problem}", type="measured_book")


def write(sources: Path, target: Path) -> None:
    """Copy the scripts; assemble the kernel and quantise the weights, unless they are there already.

    Raises:
        FileNotFoundError, ConnectionError: weights are missing.  ValueError: they are not the published ones.
    """
    target.mkdir(parents=True, exist_ok=True)
    for path in sources.iterdir():
        if path.suffix in {".js", ".css"}:
            shutil.copyfile(path, target / path.name)
    kernel, manifest = sources / "kernel.wat", target / "manifest.json"
    made_of = hash_sources(kernel)
    if manifest.exists() and is_whole(target, json.loads(manifest.read_text()), made_of):
        return
    manifest.unlink(missing_ok=True)  # the last file that is written
    for path in [*target.glob("*.bin"), *target.glob("*.wasm")]:
        path.unlink()
    models = {"sentence": write_sentence_model(target), "reaction": write_reaction_model(target)}
    content = {"made_of": made_of, "kernel": assemble(kernel, target), "models": models}
    manifest.write_text(json.dumps(content, separators=(",", ":")), encoding="utf-8")


def hash_sources(kernel: Path) -> str:
    """Of this module, the kernel, and the loaders, which hold the hashes of the weights; nothing is imported."""
    package = find_spec("mha")
    folder = Path(((package and package.submodule_search_locations) or [""])[0]) / "models"
    sources = [Path(__file__), kernel, *(folder / f"{name}.py" for name in LOADERS)]
    return hashlib.sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()


def is_whole(target: Path, manifest: dict[str, Any], made_of: str) -> bool:
    """Whether all files that a manifest names are there, made by this code."""
    return manifest["made_of"] == made_of and all(
        (target / entry["name"]).is_file() and (target / entry["name"]).stat().st_size == entry["bytes"]
        for entry in entries(manifest)
    )


def entries(manifest: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The files that a manifest names: name, bytes, sha256."""
    yield manifest["kernel"]
    for model in manifest["models"].values():
        yield from model["files"]
        yield from model.get("words", {}).get("shards", [])


def assemble(kernel: Path, target: Path) -> dict[str, Any]:
    """The kernel's text as WebAssembly."""
    from wasmtime import wat2wasm

    return save(target, "kernel", bytes(wat2wasm(kernel.read_text(encoding="utf-8"))), "wasm")


def save(target: Path, name: str, content: bytes, suffix: str = "bin") -> dict[str, Any]:
    digest = hashlib.sha256(content).hexdigest()
    file = f"{name}-{digest[:12]}.{suffix}"
    (target / file).write_bytes(content)
    return {"name": file, "bytes": len(content), "sha256": digest}


def save_shard(target: Path, shard: Shard) -> dict[str, Any]:
    entry = {**save(target, shard.name, bytes(shard.content)), "tensors": shard.tensors}
    return {**entry, "text": shard.text} if shard.text else entry


def write_sentence_model(target: Path) -> dict[str, Any]:
    """The sentence encoder: a file for its embeddings, one a block, and the vocabulary's rows in shards."""
    from mha.models.pretrained import load_minilm

    encoder, tokenizer = load_minilm()
    longest = LONGEST["sentence"]
    first = Shard("sentence-embeddings")
    add_embeddings(first, encoder.embeddings, tokenizer, longest)
    shards = [first]
    for number, block in enumerate(encoder.blocks):
        shards.append(Shard(f"sentence-block-{number}"))
        add_block(shards[-1], f"block.{number}", block)
    words = values(encoder.embeddings.tokens.weight)
    parts = [words[start : start + ROWS] for start in range(0, len(words), ROWS)]
    contents = [b"".join(array.tobytes() for array in pack(part, fine=False).values()) for part in parts]
    return {
        **sizes(encoder.config, longest),
        "files": [save_shard(target, shard) for shard in shards],
        "words": {"rows": ROWS, "shards": [save(target, f"words-{n:03}", part) for n, part in enumerate(contents)]},
    }


def write_reaction_model(target: Path) -> dict[str, Any]:
    """The model that reads reactions, in one file."""
    from mha.models.pretrained_reactions import load_rxnmapper

    model, tokenizer = load_rxnmapper()
    encoder, longest = model.encoder, LONGEST["reaction"]
    shard = Shard("reaction", fine=True)
    add_embeddings(shard, encoder.embeddings, tokenizer, longest)
    add_linear(shard, "widen", encoder.widen)
    add_block(shard, "block.0", encoder.block)
    add_linear(shard, "fill", model.dense)
    add_norm(shard, "fill.norm", model.norm)
    shard.add_rows("words.weight", values(encoder.embeddings.tokens.weight))
    shard.add("words.bias", values(model.bias))
    vocabulary = {"shared": True, "vocabulary": encoder.config.vocab_size, "map": MAP}
    return {**sizes(encoder.config, longest), **vocabulary, "files": [save_shard(target, shard)]}


def sizes(config: Any, longest: int) -> dict[str, Any]:
    return {
        "layers": config.n_layers,
        "heads": config.n_heads,
        "width": config.d_model,
        "inner": config.d_ff,
        "longest": longest,
        "eps": config.layer_norm_eps,
    }


def values(parameter: Any) -> Tensor:
    return np.ascontiguousarray(parameter.detach().numpy(), dtype="<f4")


def add_embeddings(shard: Shard, embeddings: Any, tokenizer: Any, longest: int) -> None:
    """All of them but the tokens' rows: the vocabulary as text, positions, the first segment, the norm."""
    ids = tokenizer.get_vocab()
    shard.add_text(sorted(ids, key=ids.__getitem__))
    shard.add("positions", values(embeddings.positions.weight[:longest]))
    shard.add("segment", values(embeddings.segments.weight[0]))
    add_norm(shard, "embedding.norm", embeddings.norm)


def add_block(shard: Shard, name: str, block: Any) -> None:
    add_linear(shard, f"{name}.qkv", block.attn.qkv)
    add_linear(shard, f"{name}.out", block.attn.out)
    add_norm(shard, f"{name}.attn_norm", block.attn_norm)
    add_linear(shard, f"{name}.up", block.ffn.up)
    add_linear(shard, f"{name}.down", block.ffn.down)
    add_norm(shard, f"{name}.ffn_norm", block.ffn_norm)


def add_linear(shard: Shard, name: str, linear: Any) -> None:
    shard.add_rows(f"{name}.weight", values(linear.weight))
    shard.add(f"{name}.bias", values(linear.bias))


def add_norm(shard: Shard, name: str, norm: Any) -> None:
    shard.add(f"{name}.weight", values(norm.weight))
    shard.add(f"{name}.bias", values(norm.bias))
