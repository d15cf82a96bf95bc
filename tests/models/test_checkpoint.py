import json

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from medxpert.errors import ConfigError, DataError
from medxpert.models.architecture import Architecture, Transformer, published_architecture
from medxpert.models.checkpoint import read_checkpoint
from medxpert.models.clip import Freeze, build

PLAIN = Architecture(
    "ViT-B-32", 32, 8, 24, Transformer(64, 2, 1), Transformer(64, 2, 2), vocab_size=600, context_length=16
)
QUICK = Architecture(**{**PLAIN.__dict__, "name": "ViT-B-32-quickgelu", "activation": "quick_gelu"})
NOTHING = Freeze()


@pytest.fixture
def inputs():
    generator = torch.Generator().manual_seed(1)
    tokens = torch.randint(1, 598, (4, 16), generator=generator)
    for row, end in enumerate((3, 7, 15, 10)):
        tokens[row, end] = 599
        tokens[row, end + 1 :] = 0
    return torch.randint(0, 256, (4, 32, 32), dtype=torch.uint8, generator=generator), tokens


def colour(pixels):
    mean, std = (torch.tensor(values)[:, None, None] for values in (PLAIN.mean, PLAIN.std))
    return (pixels[:, None] / 255 - mean) / std


def shaken(model):
    """Move every weight, so that no bias is zero and no norm is the identity."""
    generator = torch.Generator().manual_seed(2)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.05 * torch.randn(parameter.shape, generator=generator))
    return model.eval()


@pytest.fixture(params=[False, True], ids=["gelu", "quick_gelu"])
def stock(request):
    module = pytest.importorskip("open_clip.model")
    text = {"context_length": 16, "vocab_size": 600, "width": 64, "heads": 2, "layers": 2}
    image = {"image_size": 32, "layers": 2, "width": 64, "patch_size": 8}
    return shaken(module.CLIP(24, image, text, quick_gelu=request.param)), QUICK if request.param else PLAIN


def write_open_clip_folder(folder, stock):
    model, architecture = stock
    save_file(model.state_dict(), folder / "open_clip_model.safetensors")
    config = {"model_cfg": {"quick_gelu": architecture is QUICK}}
    config["preprocess_cfg"] = {"mean": list(PLAIN.mean), "std": list(PLAIN.std)}
    (folder / "open_clip_config.json").write_text(json.dumps(config))
    return folder


def write_wrapped(folder, stock):
    state = {f"module.{name}": tensor for name, tensor in stock[0].state_dict().items()}
    torch.save({"epoch": 3, "state_dict": state}, folder / "weights.pt")
    return folder / "weights.pt"


def write_plain(folder, stock):
    constants = {"input_resolution": torch.tensor(32), "context_length": torch.tensor(16)}
    torch.save({**stock[0].state_dict(), **constants, "vocab_size": torch.tensor(600)}, folder / "weights.pth")
    return folder / "weights.pth"


def write_safetensors(folder, stock):
    save_file(stock[0].state_dict(), folder / "weights.safetensors")
    return folder / "weights.safetensors"


@pytest.mark.parametrize("write", [write_open_clip_folder, write_wrapped, write_plain, write_safetensors])
def test_equals_open_clip(write, stock, inputs, tmp_path):
    model = build(stock[1], str(write(tmp_path, stock)), NOTHING)
    pixels, tokens = inputs
    with torch.no_grad():
        image, text = (
            stock[0].encode_image(colour(pixels), normalize=True),
            stock[0].encode_text(tokens, normalize=True),
        )
        torch.testing.assert_close(model.encode_image(pixels), image, atol=1e-5, rtol=0)
        torch.testing.assert_close(model.encode_text(tokens), text, atol=1e-5, rtol=0)
    assert model.logit_scale == stock[0].logit_scale
    assert model.stage == "pretrained"


@pytest.mark.parametrize("activation", ["gelu", "quick_gelu"])
def test_equals_transformers(activation, inputs, tmp_path):
    transformers = pytest.importorskip("transformers")
    shared = {"hidden_size": 64, "intermediate_size": 256, "num_hidden_layers": 2, "hidden_act": activation}
    text = {**shared, "num_attention_heads": 2, "max_position_embeddings": 16, "vocab_size": 600}
    text |= {"eos_token_id": 599, "bos_token_id": 598}
    image = {**shared, "num_attention_heads": 1, "image_size": 32, "patch_size": 8}
    config = transformers.CLIPConfig(text_config=text, vision_config=image, projection_dim=24)
    theirs = shaken(transformers.CLIPModel(config))
    theirs.save_pretrained(tmp_path)
    (tmp_path / "preprocessor_config.json").write_text(json.dumps({"image_mean": PLAIN.mean, "image_std": PLAIN.std}))
    model = build(QUICK if activation == "quick_gelu" else PLAIN, str(tmp_path), NOTHING)
    pixels, tokens = inputs
    with torch.no_grad():
        expected = theirs(input_ids=tokens, pixel_values=colour(pixels))
        torch.testing.assert_close(model.encode_image(pixels), expected.image_embeds, atol=1e-5, rtol=0)
        torch.testing.assert_close(model.encode_text(tokens), expected.text_embeds, atol=1e-5, rtol=0)


def test_takes_the_checkpoints_pixel_normalisation(stock, tmp_path):
    folder = write_open_clip_folder(tmp_path, stock)
    config = json.loads((folder / "open_clip_config.json").read_text())
    config["preprocess_cfg"] = {"mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5]}
    (folder / "open_clip_config.json").write_text(json.dumps(config))
    assert build(stock[1], str(folder), NOTHING).architecture.mean == (0.5, 0.5, 0.5)


def test_half_precision_files_become_float32(stock, tmp_path):
    save_file({k: v.half().contiguous() for k, v in stock[0].state_dict().items()}, tmp_path / "w.safetensors")
    checkpoint = read_checkpoint(str(tmp_path / "w.safetensors"), stock[1])
    assert {tensor.dtype for tensor in checkpoint.weights.values()} == {torch.float32}


def test_other_activation_is_an_error(stock, tmp_path):
    folder = write_open_clip_folder(tmp_path, stock)
    other = PLAIN if stock[1] is QUICK else QUICK
    with pytest.raises(ConfigError, match=rf"choose model\.architecture={stock[1].name}$"):
        read_checkpoint(str(folder), other)
    with pytest.raises(ConfigError, match=r"choose model\.architecture=ViT-B-32-quickgelu$"):
        read_checkpoint("openai", published_architecture("ViT-B-32"))


def torchscript(folder):
    torch.jit.save(torch.jit.script(torch.nn.Linear(2, 2)), folder / "w.pt")
    return folder / "w.pt"


def pickled(folder):
    torch.save({"state_dict": np.random.default_rng(0)}, folder / "w.pt")
    return folder / "w.pt"


def written(name, content):
    def write(folder):
        (folder / name).write_bytes(content)
        return folder / name

    return write


def tensors(**state):
    def write(folder):
        save_file(state, folder / "w.safetensors")
        return folder / "w.safetensors"

    return write


@pytest.mark.filterwarnings("ignore::FutureWarning")
@pytest.mark.parametrize(
    ("write", "error", "message"),
    [
        (lambda folder: folder / "none.pt", ConfigError, "none.pt does not exist; give an open_clip file"),
        (lambda folder: folder / "none", ConfigError, "none does not exist"),
        (lambda folder: folder, ConfigError, "holds no model.json, open_clip_config.json or config.json"),
        (lambda folder: written("config.json", b"{}")(folder).parent, ConfigError, "holds neither model.safetensors"),
        (torchscript, ConfigError, "TorchScript archive, which runs code; convert it first"),
        (pickled, DataError, "not a readable torch file of plain weights"),
        (written("w.pt", b"nothing"), DataError, "not a readable torch file"),
        (written("w.pt", b""), DataError, "not a readable torch file"),
        (written("w.safetensors", b"nothing"), DataError, "not a readable safetensors file"),
        (tensors(a=torch.zeros(1)), DataError, "expected weights of an open_clip or Hugging Face CLIP, found a"),
        (tensors(**{"image.projection": torch.zeros(1)}), DataError, "logit_scale is missing; .*; and .* more"),
    ],
)
def test_bad_weights(write, error, message, tmp_path):
    with pytest.raises(error, match=message) as caught:
        read_checkpoint(str(write(tmp_path)), QUICK)
    assert "\n" not in str(caught.value)


def test_cached_weights_need_no_network(stock, monkeypatch, tmp_path):
    huggingface_hub = pytest.importorskip("huggingface_hub")
    file = write_safetensors(tmp_path, stock)
    monkeypatch.setattr(
        huggingface_hub, "try_to_load_from_cache", lambda repository, name: str(file) if name.endswith("s") else None
    )
    tag = "openai" if stock[1] is QUICK else "laion2b_s34b_b79k"
    assert read_checkpoint(tag, stock[1]).stage == "pretrained"
