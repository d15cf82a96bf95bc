"""CLIP's byte-pair encoding as files that transformers and tokenizers read."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from medxpert.models.tokenizer import Tokenizer

if TYPE_CHECKING:
    from transformers import CLIPTokenizer

START, END = "<|startoftext|>", "<|endoftext|>"
"""What both libraries call the marks; padding is the second, which a causal tower that reads the first one ignores."""


def their_tokenizer(tokenizer: Tokenizer) -> CLIPTokenizer:
    """Build transformers' tokenizer of the same numbers; it normalises Unicode, but repairs no broken encodings."""
    from transformers import CLIPTokenizer

    pairs: Any = [tuple(merge.split()) for merge in tokenizer.merges]  # annotated as texts, read as pairs
    *symbols, _, _ = tokenizer._numbers  # in the order of their numbers, our two marks last
    return CLIPTokenizer(
        vocab={symbol: number for number, symbol in enumerate([*symbols, START, END])},
        merges=pairs,
        model_max_length=tokenizer.context_length,
    )


def write_transformers(tokenizer: Tokenizer, folder: Path) -> None:
    """Write the files of a transformers tokenizer, and the two that older versions ask for."""
    theirs = their_tokenizer(tokenizer)
    theirs.save_pretrained(folder)
    theirs.backend_tokenizer.model.save(str(folder))


def write_tokenizers(tokenizer: Tokenizer, path: Path) -> None:
    """Write one file of the tokenizers library, which cuts and pads by itself."""
    backend = their_tokenizer(tokenizer).backend_tokenizer
    backend.enable_truncation(tokenizer.context_length)
    backend.enable_padding(pad_id=tokenizer.vocab_size - 1, pad_token=END)
    backend.save(str(path))
