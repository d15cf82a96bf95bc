from pathlib import Path

import pytest
import torch

from medxpert.errors import ConfigError
from medxpert.models.exchange.naming import check_transformers, foreign
from medxpert.models.state import renamed
from medxpert.models.tiny import clip_tiny

NAMES = {
    "open_clip": ["visual.conv1.weight", "visual.proj", "transformer.resblocks.1.attn.in_proj_weight", "ln_final.bias"],
    "hugging_face": [
        "vision_model.embeddings.class_embedding",
        "visual_projection.weight",
        "text_model.encoder.layers.1.self_attn.k_proj.bias",
        "text_model.final_layer_norm.bias",
    ],
}
OURS = {
    "open_clip": ["image.embedding.patches.weight", "image.projection", "text.blocks.1.qkv.weight", "text.norm.bias"],
    "hugging_face": ["image.embedding.class_token", "image.projection", None, "text.norm.bias"],
}


@pytest.mark.parametrize("source", NAMES)
def test_each_name_gets_its_weight(vit, source):
    state = vit().merged_state()
    given = foreign(NAMES[source], state, source)
    for theirs, ours in zip(NAMES[source], OURS[source], strict=True):
        if ours is not None:
            turned = source == "hugging_face" and ours.endswith("projection")
            assert torch.equal(given[theirs], state[ours].T if turned else state[ours])
    if source == "hugging_face":
        assert torch.equal(given[NAMES[source][2]], state["text.blocks.1.qkv.bias"][32:64])


def test_what_open_clip_reads_we_read_back(vit):
    from open_clip.model import CLIP

    from medxpert.models.exchange.open_clip_folder import _config

    model = vit()
    with torch.device("meta"):
        names = CLIP(**_config(model.architecture, published=True)).state_dict()
    state = model.merged_state()
    back = renamed(foreign(names, state, "open_clip"), Path("weights"))
    assert back.keys() == state.keys()
    assert all(torch.equal(back[name], state[name]) for name in state)


def test_a_weight_that_we_lack_is_no_guess(vit):
    with pytest.raises(KeyError):
        foreign(["visual.ln_mid.weight"], vit().merged_state(), "open_clip")


def test_what_no_other_library_holds():
    tiny = clip_tiny(image_side=32, image_widths=(8, 8), text_width=32, embed_dim=16, vocab_size=600)
    with pytest.raises(ConfigError, match=r"^transformers holds .* clip_tiny has a convolutional image tower, outputs"):
        check_transformers(tiny.architecture, "transformers")
    with pytest.raises(
        ConfigError, match=r"images of 1 channel\(s\): export it with format=onnx, or .* model=clip_b32"
    ):
        check_transformers(tiny.architecture, "transformers")


def test_a_vit_passes(vit):
    check_transformers(vit().architecture, "open_clip")
