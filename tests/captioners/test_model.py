import pytest
import torch
from captioners.blips import TEXTS, small

from medxpert.captioners.model import Freeze
from medxpert.captioners.tiny import blip_tiny
from medxpert.errors import ConfigError

PIXELS = torch.arange(3 * 32 * 32).reshape(3, 32, 32).remainder(251).to(torch.uint8)


def test_loss_is_that_of_transformers():
    model = small().eval()
    tokens = torch.from_numpy(model.tokenizer([*TEXTS[:2], "No effusion."]))
    padded = tokens == model.tokenizer.marks.padding
    shown = ((PIXELS[:, None].repeat(1, 3, 1, 1) / 255) - 0.5) / 0.25
    expected = model.network(
        pixel_values=shown, input_ids=tokens, attention_mask=(~padded).long(), labels=tokens.masked_fill(padded, -100)
    ).loss
    assert padded.any()
    assert torch.equal(model(PIXELS, tokens).loss, expected)


def test_padding_changes_nothing():
    model = small().eval()
    tokens = torch.from_numpy(model.tokenizer(["No effusion.", "The heart is large."]))
    longer = torch.nn.functional.pad(tokens, (0, 3), value=model.tokenizer.marks.padding)
    assert torch.allclose(model(PIXELS[:2], tokens).loss, model(PIXELS[:2], longer).loss, atol=1e-6)


def test_frozen_blocks_get_no_gradient_and_keep_their_statistics():
    model = small(freeze=Freeze(image_blocks=1)).train()
    model(PIXELS, torch.from_numpy(model.tokenizer(TEXTS[:3]))).loss.backward()
    vision = model.network.vision_model
    for part in (vision.embeddings, vision.encoder.layers[0]):
        assert all(weight.grad is None for weight in part.parameters())
        assert not part.training
    assert all(weight.grad is not None for weight in vision.encoder.layers[1].parameters())
    assert vision.encoder.layers[1].training


def test_nothing_frozen_trains_everything():
    model = small().train()
    model(PIXELS, torch.from_numpy(model.tokenizer(TEXTS[:3]))).loss.backward()
    assert [name for name, weight in model.named_parameters() if weight.grad is None] == []


def test_more_frozen_than_there_are():
    with pytest.raises(ConfigError, match="image_blocks=3: the image side has 2 blocks; choose 0 to 2"):
        small(freeze=Freeze(image_blocks=3))


def test_captions_are_deterministic_and_keep_the_mode():
    model = small().train()
    twice = [model.captions(PIXELS, num_beams=3, max_words=8) for _ in range(2)]
    assert twice[0] == twice[1]
    assert model.training


def test_beam_search_finds_the_likeliest_caption(monkeypatch):
    """Against every caption of up to two words, each scored by its mean loss per token."""
    model = small(seed=3).eval()
    marks, size = model.tokenizer.marks, model.network.config.text_config.vocab_size
    rows: list[list[int]] = []
    monkeypatch.setattr(model.tokenizer, "text", lambda row: rows.append(row) or "")
    model.captions(PIXELS[:1], num_beams=size, max_words=2)
    words = [number for number in range(size) if number not in (marks.end, marks.padding)]
    known = [[], *([one] for one in words), *([one, other] for one in words for other in words)]

    @torch.no_grad()
    def loss(row):
        return float(model(PIXELS[:1], torch.tensor([row])).loss)

    best = min(loss([marks.start, *one, marks.end]) for one in known)
    assert loss([number for number in rows[0] if number != marks.padding]) <= best + 1e-4


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"stem_widths": ()}, "model.stem_widths"),
        ({"stem_widths": (8, 0)}, "model.stem_widths"),
        ({"width": 40}, "model.width=40"),
        ({"image_side": 100}, "model.image_side=100"),
        ({"image_blocks": 0}, "model.image_blocks=0"),
        ({"text_blocks": 0}, "model.text_blocks=0"),
        ({"context_length": 2}, "model.context_length=2"),
        ({"weights": "nowhere"}, "model.weights=nowhere"),
    ],
)
def test_sizes_that_cannot_be(settings, message):
    with pytest.raises(ConfigError, match=message):
        blip_tiny(**settings)
