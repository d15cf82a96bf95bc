"""Tiny Whispers in the folders of Hugging Face that say, whatever they hear, what they were made to say."""

from __future__ import annotations

from pathlib import Path

import torch
from transformers import (
    GenerationConfig,
    WhisperConfig,
    WhisperFeatureExtractor,
    WhisperForConditionalGeneration,
    WhisperProcessor,
    WhisperTokenizer,
)

END, START, ENGLISH, NO_SPEECH = "<|endoftext|>", "<|startoftranscript|>", "<|en|>", "<|nospeech|>"
SPECIAL = (END, START, ENGLISH, "<|de|>", "<|transcribe|>", "<|translate|>", NO_SPEECH, "<|notimestamps|>")
LETTERS = (*"abcdefghijklmnopqrstuvwxyz.?", "Ġ")
WIDTH = 64


def tokenizer(letters=LETTERS) -> WhisperTokenizer:
    vocabulary = {token: number for number, token in enumerate((*letters, *SPECIAL))}
    return WhisperTokenizer(
        vocab=vocabulary, merges=[], unk_token=END, bos_token=END, eos_token=END, pad_token=END,
        additional_special_tokens=list(SPECIAL[1:]),
    )  # fmt: skip


def whisper(folder: Path, says: str, sure: float = 8.0, speaks: bool = True, english_only: bool = False) -> Path:
    """Save a model that says a text.

    Args:
        sure: how much more the right letter's logit is than the others'.
        speaks: whether it thinks that somebody does.
    """
    torch.manual_seed(0)
    letters = tokenizer()
    config = WhisperConfig(
        vocab_size=len(letters), d_model=WIDTH, encoder_layers=1, decoder_layers=1, encoder_attention_heads=2,
        decoder_attention_heads=2, encoder_ffn_dim=8, decoder_ffn_dim=8, max_target_positions=128,
        pad_token_id=letters.eos_token_id, bos_token_id=letters.eos_token_id, eos_token_id=letters.eos_token_id,
        decoder_start_token_id=_id(letters, START), suppress_tokens=None, begin_suppress_tokens=None,
    )  # fmt: skip
    model = WhisperForConditionalGeneration(config)
    _teach(model, letters, says, sure, speaks, 2 if english_only else 4)
    model.generation_config = _generation(letters, english_only)
    model.save_pretrained(folder)
    WhisperProcessor(WhisperFeatureExtractor(), letters).save_pretrained(folder)
    return folder


def _generation(letters: WhisperTokenizer, english_only: bool) -> GenerationConfig:
    return GenerationConfig(
        decoder_start_token_id=_id(letters, START), eos_token_id=letters.eos_token_id,
        pad_token_id=letters.eos_token_id, bos_token_id=letters.eos_token_id, is_multilingual=not english_only,
        no_timestamps_token_id=_id(letters, "<|notimestamps|>"), max_length=128,
        forced_decoder_ids=[[1, _id(letters, "<|notimestamps|>")]] if english_only else None,
        lang_to_id={ENGLISH: _id(letters, ENGLISH), "<|de|>": _id(letters, "<|de|>")},
        task_to_id={"transcribe": _id(letters, "<|transcribe|>"), "translate": _id(letters, "<|translate|>")},
    )  # fmt: skip


def _teach(model, letters: WhisperTokenizer, says: str, sure: float, speaks: bool, start: int) -> None:
    """Let each place of the text, whatever stands before it, be followed by its own letter."""
    decoder = model.model.decoder
    with torch.no_grad():
        for weights in decoder.layers.parameters():
            weights.zero_()
        decoder.embed_tokens.weight.copy_(torch.eye(len(letters), WIDTH))
        places = decoder.embed_positions.weight
        places.zero_()
        ids = [_id(letters, "Ġ" if letter == " " else letter) for letter in says] + [letters.eos_token_id]
        for place, token in enumerate(ids, start - 1):
            places[place, token] += 100
        places[0, _id(letters, NO_SPEECH if not speaks else START)] += 100
        # a layer norm makes one hundred out of sixty-four into the root of sixty-four
        decoder.layer_norm.weight.fill_(sure / WIDTH**0.5)


def _id(letters: WhisperTokenizer, token: str) -> int:
    return letters.convert_tokens_to_ids(token)
