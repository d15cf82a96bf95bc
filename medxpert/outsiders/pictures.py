"""Pictures that are no radiographs: blank films, noise, pages of text, photographs."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from medxpert.outsiders.film import Pixels, blob, ellipse, fill, levels, pose
from medxpert.phantom.geometry import UPRIGHT, Field, film_grid, smooth_noise

_LETTERS = list("etaoinshrdlucmfwypvbgkqjxz")


def blank(generator: np.random.Generator, side: int) -> Pixels:
    """Draw a film with nothing on it: even, shaded, faintly grainy, or an empty exposed field, uint8 [side, side]."""
    x, y = film_grid(side)
    grey = np.full((side, side), generator.choice((0.0, 1.0, generator.random())))
    kind = generator.integers(4)
    if kind == 1:
        grey = grey + generator.uniform(-0.25, 0.25) * x + generator.uniform(-0.25, 0.25) * y
    if kind == 2:
        grey = grey + 0.02 * generator.standard_normal((side, side))
    if kind == 3:
        inside = (np.abs(x) < generator.uniform(0.5, 1)) & (np.abs(y) < generator.uniform(0.5, 1))
        grey = np.where(inside, generator.uniform(0.2, 0.9), 0.02)
    return levels(grey)


def noise(generator: np.random.Generator, side: int) -> Pixels:
    """Draw noise: white, coarse, of natural spectrum, or salt and pepper, uint8 [side, side]."""
    kind = generator.integers(4)
    if kind == 0:
        return generator.integers(0, 256, (side, side), dtype=np.uint8)
    if kind == 1:
        return (255 * (generator.random((side, side)) < generator.uniform(0.05, 0.95))).astype(np.uint8)
    if kind == 2:
        cells = int(generator.choice((3, 6, 12, 24)))
        return levels(0.5 + 0.22 * smooth_noise(int(generator.integers(2**31)), cells, side))
    return levels(0.5 + 0.2 * natural(generator, side))


def text_page(generator: np.random.Generator, side: int) -> Pixels:
    """Draw a page or a screen of text, uint8 [side, side]."""
    fine, dark = 4 * side, generator.random() < 0.25
    image = Image.new("L", (fine, fine), int(generator.integers(215, 256)))
    draw = ImageDraw.Draw(image)
    size = fine * generator.uniform(0.03, 0.09)
    font = ImageFont.load_default(size)
    margin, row = fine * generator.uniform(0.02, 0.15), fine * generator.uniform(0.0, 0.1)
    while row < fine:
        if generator.random() > 0.12:
            draw.text((margin, row), _line(generator), font=font, fill=int(generator.integers(0, 90)))
        row += size * 1.35
    # a right margin; the glyphs would run over it
    draw.rectangle((fine - margin, 0, fine, fine), fill=image.getpixel((0, fine - 1)))
    pixels = np.asarray(image.reduce(4))
    return 255 - pixels if dark else pixels


def photograph(generator: np.random.Generator, side: int) -> Pixels:
    """Draw a scene as a camera sees it: a landscape, a face or things on a table, uint8 [side, side]."""
    draw = (_landscape, _portrait, _still_life)[generator.integers(3)]
    grey = draw(generator, side) * generator.uniform(0.8, 1.2)
    return levels(grey + 0.01 * generator.standard_normal((side, side)))


def crop(generator: np.random.Generator, picture: NDArray[np.uint8], side: int) -> Pixels:
    """Cut a random square of at least half the shorter edge out of a grey picture [H, W], uint8 [side, side]."""
    shorter = min(picture.shape)
    edge = int(generator.integers(shorter // 2, shorter + 1))
    top, left = (int(generator.integers(0, length - edge + 1)) for length in picture.shape)
    square = Image.fromarray(picture[top : top + edge, left : left + edge])
    return np.asarray(square.resize((side, side), Image.Resampling.BOX))


def natural(generator: np.random.Generator, side: int) -> Field:
    """Return noise of unit variance [side, side] whose amplitude falls as 1 / frequency, as in natural scenes."""
    across, down = np.meshgrid(np.fft.fftfreq(side), np.fft.fftfreq(side))
    radius = np.hypot(across, down)
    radius[0, 0] = np.inf
    field = np.fft.ifft2(np.fft.fft2(generator.standard_normal((side, side))) / radius).real
    return (field - field.mean()) / field.std()


def _line(generator: np.random.Generator) -> str:
    return " ".join("".join(generator.choice(_LETTERS[:18], generator.integers(2, 10))) for _ in range(12))


def _landscape(generator: np.random.Generator, side: int) -> Field:
    x, y = film_grid(side)
    grey = 0.75 - 0.25 * y + 0.08 * natural(generator, side)
    for depth in range(int(generator.integers(2, 5))):
        waves = sum(generator.uniform(0.02, 0.12) * np.sin(k * x + generator.uniform(0, 6.3)) for k in (1.5, 3, 7))
        below = y > waves - 0.2 + 0.25 * depth
        grey = np.where(below, 0.55 - 0.1 * depth + 0.1 * natural(generator, side), grey)
    for _ in range(int(generator.integers(0, 7))):
        left, top, wide = generator.uniform(-1, 0.8), generator.uniform(-0.7, 0.2), generator.uniform(0.1, 0.35)
        house = (x > left) & (x < left + wide) & (y > top) & (y < 0.5)
        windows = (np.sin(60 * x) > 0.3) & (np.sin(50 * y) > 0.3)
        grey = np.where(house, generator.uniform(0.2, 0.8) - 0.15 * windows, grey)
    return grey


def _portrait(generator: np.random.Generator, side: int) -> Field:
    lies = pose(generator, scale=0.3, shift=0.25)
    skin = generator.uniform(0.35, 0.8)
    parts = [
        (blob(generator, (0, -0.05), (0.5, 0.62)), generator.uniform(0.1, 0.5)),
        (ellipse((0, 1.0), (0.8, 0.55)), generator.uniform(0.1, 0.9)),
        (ellipse((0, 0.0), (0.36, 0.48)), skin),
        *((ellipse((x, -0.08), (0.07, 0.03)), 0.15) for x in (-0.15, 0.15)),
        *((ellipse((x, -0.18), (0.09, 0.015)), 0.2) for x in (-0.15, 0.15)),
        (ellipse((0.02, 0.08), (0.035, 0.09)), 0.8 * skin),
        (ellipse((0, 0.24), (0.13, 0.03)), 0.6 * skin),
    ]
    grey = generator.uniform(0.2, 0.9) + 0.1 * natural(generator, side)
    for outline, value in parts:
        inside = fill(side, lies, [outline], 0.015)
        grey = grey * (1 - inside) + (value + 0.04 * natural(generator, side)) * inside
    return grey * (1 + generator.uniform(-0.3, 0.3) * film_grid(side)[0])


def _still_life(generator: np.random.Generator, side: int) -> Field:
    x, y = film_grid(side)
    grey = np.where(y > generator.uniform(-0.4, 0.4), generator.uniform(0.2, 0.6), generator.uniform(0.4, 0.95))
    grey = grey + generator.uniform(0.02, 0.12) * natural(generator, side)
    for _ in range(int(generator.integers(2, 9))):
        centre, radii = generator.uniform(-0.8, 0.8, 2), generator.uniform(0.08, 0.45, 2)
        inside = fill(side, UPRIGHT, [blob(generator, tuple(centre), tuple(radii))], 0.01)
        light = 1 + 0.5 * ((centre[0] - x) / radii[0] + (centre[1] - y) / radii[1]).clip(-1, 1)
        texture = generator.choice((0.0, 0.15)) * np.sign(
            np.sin(generator.uniform(20, 60) * (x + y * generator.random()))
        )
        grey = grey * (1 - inside) + (generator.uniform(0.15, 0.85) * light + texture) * inside
    return grey
