"""Small captioners that tests build on the spot."""

import json

import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers
from transformers import BlipConfig, BlipForConditionalGeneration

from medxpert.captioners.model import CaptionModel
from medxpert.captioners.tiny import blip_tiny

TEXTS = ["Small left effusion. No pneumothorax.", "No effusion. The heart is large."] * 2
SIZES = {"hidden_size": 32, "intermediate_size": 64, "num_attention_heads": 2, "num_hidden_layers": 2}
WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "no", "small", "effusion", "heart", "."]


def small(seed: int = 0, **settings) -> CaptionModel:
    """Return a random captioner of 32 px with a stem."""
    torch.manual_seed(seed)
    sizes = {"image_side": 32, "stem_widths": (8, 8), "width": 32, "image_blocks": 2, "text_blocks": 1}
    return blip_tiny(**(sizes | {"context_length": 16} | settings)).make(TEXTS)


def published(folder, words=tuple(WORDS), extra=None, **text):
    """Write a random BLIP as transformers publishes it: BERT's marks, its own start mark beyond the tokenizer."""
    torch.manual_seed(0)
    numbers = {"vocab_size": len(WORDS) + 2, "bos_token_id": len(WORDS), "sep_token_id": 3, "eos_token_id": 3}
    config = BlipConfig(
        text_config=SIZES | {"encoder_hidden_size": 32, "max_position_embeddings": 16} | numbers | text,
        vision_config=SIZES | {"image_size": 32, "patch_size": 16},
    )
    network = BlipForConditionalGeneration(config)
    network.save_pretrained(folder, state_dict={**network.state_dict(), **(extra or {})})
    tokenizer = Tokenizer(models.WordLevel({word: place for place, word in enumerate(words)}, unk_token="[UNK]"))
    tokenizer.normalizer, tokenizer.pre_tokenizer = normalizers.Lowercase(), pre_tokenizers.Whitespace()
    tokenizer.add_special_tokens([word for word in words if word.startswith("[")])
    tokenizer.save(str(folder / "tokenizer.json"))
    shown = {"image_mean": [0.1, 0.2, 0.3], "image_std": [1.0, 1.0, 1.0]}
    (folder / "preprocessor_config.json").write_text(json.dumps(shown))
    return network
