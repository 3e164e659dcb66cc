"""Real weights: RXNMapper's ALBERT (0.74 M parameters, MIT), which was trained to fill gaps in chemical reactions."""

from __future__ import annotations

import hashlib
import io
from importlib import metadata
from pathlib import Path

import torch
from tokenizers import Tokenizer

from mha.checkpoint import load_weights
from mha.models.albert import AlbertConfig, AlbertMaskedLM
from mha.models.smiles import smiles_tokenizer

__all__ = ["load_rxnmapper"]

DATA_PACKAGE = "rxnmapper"  # on PyPI; of its files only these two are read, and it is never imported
FOLDER = "rxnmapper/models/transformers/albert_heads_8_uspto_all_1310k"
REMEDY = (  # without what the package depends on
    "pip install --no-deps --require-hashes -r data-packages.txt where you have the course, "
    f"or pip install --no-deps {DATA_PACKAGE}==0.4.3"
)
SHA256 = {
    "pytorch_model.bin": "8541f3f500dae71abe678d546bd035ca946e2d1c819f6b2cf41a97faedd7e6a2",
    "vocab.txt": "399868a653e85549ce150af4a1f6cd2776240c6a3d951ced2120565f00f027fd",
}


def load_rxnmapper(source: str | Path | None = None) -> tuple[AlbertMaskedLM, Tokenizer]:
    """The pretrained model, ready for inference, and its tokenizer.

    Args:
        source: a folder with pytorch_model.bin and vocab.txt; or None for the installed data package.
    Returns:
        An `AlbertMaskedLM` in evaluation mode, float32 on the CPU, and a tokenizer as `smiles_tokenizer` makes it;
        `pretrained.encode` makes a padded batch with it. Layers and heads are counted from 0.
    Raises:
        FileNotFoundError: the package is not installed, or a file is missing from it or from the folder.
        ValueError: a file's SHA-256 is not the published one.
    Source: Schwaller et al. 2021.
    """
    folder = _installed() if source is None else Path(source)
    weights, vocabulary = (_read(folder / name) for name in SHA256)
    model = AlbertMaskedLM(AlbertConfig())
    load_weights(model, torch.load(io.BytesIO(weights), map_location="cpu", weights_only=True))  # written on a GPU
    return model.eval(), smiles_tokenizer(vocabulary.decode().splitlines())


def _installed() -> Path:
    try:
        return Path(str(metadata.distribution(DATA_PACKAGE).locate_file(FOLDER)))
    except metadata.PackageNotFoundError:
        raise FileNotFoundError(f"The data package {DATA_PACKAGE} is not installed. Run: {REMEDY}.") from None


def _read(path: Path) -> bytes:
    """What was checked is what is used: the file is read once."""
    if not path.is_file():
        raise FileNotFoundError(f"{path.parent} has no {path.name}. Run: {REMEDY}.")
    content = path.read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    if digest != SHA256[path.name]:
        raise ValueError(
            f"{path} has SHA-256 {digest}, expected {SHA256[path.name]}: it is damaged or another version. "
            f"Delete it and run: {REMEDY}."
        )
    return content
