"""How findings of lung and pleura fill the air: per pixel 0 (air) to 1 (tissue), below 0 for free air."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from medxpert.phantom.anatomy import LungShape
from medxpert.phantom.findings import PhantomFinding
from medxpert.phantom.geometry import Field, bump, smooth_noise, soft_step
from medxpert.phantom.look import Texture


@dataclass(frozen=True)
class Lung:
    """One lung on the film: its outline and the fields [H, W] that findings are drawn with.

    Attributes:
        shape: the curves.
        x: distance from the midline toward this lung, negative on the other side.
        v: height in body units.
        lateral: distance of the chest wall from the midline at each pixel's height.
        medial: distance of the mediastinum from the midline at each pixel's height.
        floor: height of the diaphragm.
        inside: 1 inside the lung, soft at its edges.
        texture: how opacities are drawn.
    """

    shape: LungShape
    x: Field
    v: Field
    lateral: Field
    medial: Field
    floor: Field
    inside: Field
    texture: Texture

    @property
    def pixels(self) -> int:
        """The film's side."""
        return self.x.shape[0]

    def rippled(self, seed: int) -> Lung:
        """Return the same lung in coordinates that wander, so that outlines drawn in them become ragged."""
        if not self.texture.ripple:
            return self
        dx, dv = (smooth_noise(seed + axis, self.texture.ripple_cells, self.pixels) for axis in (1, 2))
        ripple = np.float32(self.texture.ripple)
        return replace(self, x=self.x + ripple * dx, v=self.v + ripple * dv)

    def mottled(self, amount: Field, seed: int) -> Field:
        """Return an amount of filling [H, W] made uneven."""
        if not self.texture.mottle:
            return amount
        return amount * (
            1 + np.float32(self.texture.mottle) * smooth_noise(seed, self.texture.mottle_cells, self.pixels)
        )

    def around(self, x: float, v: float, width: float, height: float) -> Field:
        """Return the squared elliptic radius around a point, 1 on the ellipse."""
        return np.square((self.x - x) * np.float32(1 / width)) + np.square((self.v - v) * np.float32(1 / height))


def _centre(finding: PhantomFinding, lung: Lung) -> tuple[float, float]:
    return lung.shape.place(finding.across, finding.along)


def haze(finding: PhantomFinding, lung: Lung) -> Field:
    """Ground glass: a faint, ill-defined cloud through which vessels stay visible."""
    x, v = _centre(finding, lung)
    cloud = bump(lung.around(x, v, 1.45 * finding.size, 1.45 * finding.size))
    grainy = 1 + 0.15 * smooth_noise(finding.seed, 16, lung.pixels)
    return (0.18 + 0.20 * finding.severity) * cloud * grainy


def interstitial(finding: PhantomFinding, lung: Lung) -> Field:
    """A net of fine lines, in the upper or lower halves or everywhere."""
    net = 1 - np.abs(smooth_noise(finding.seed, 56, lung.pixels)) * 1.6
    middle = 0.5 * (lung.shape.apex + lung.shape.dome)
    weight = {
        "upper": soft_step(middle - 0.05 - lung.v, 0.3),
        "lower": soft_step(lung.v - middle - 0.08, 0.3),
        "diffuse": np.ones_like(lung.v),
    }[finding.zone]
    patchy = np.clip(1 + 0.5 * smooth_noise(finding.seed, 9, lung.pixels), 0.3, 1.7)
    return (0.05 + 0.09 * finding.severity) * np.clip(net + 0.7, 0, 1.2) * patchy * weight


def nodule(finding: PhantomFinding, lung: Lung) -> Field:
    """A small ball with a sharp rim."""
    x, v = _centre(finding, lung)
    return (0.14 + 0.36 * finding.severity) * _ball(lung, x, v, finding.size, 1.0)


def mass(finding: PhantomFinding, lung: Lung) -> Field:
    """A large ball with a lobed rim."""
    x, v = _centre(finding, lung)
    lobes = 1 + 0.10 * smooth_noise(finding.seed, 12, lung.pixels)
    return (0.20 + 0.40 * finding.severity) * _ball(lung, x, v, finding.size, lobes)


def _ball(lung: Lung, x: float, v: float, radius: float, lobes: Field | float) -> Field:
    thickness = np.sqrt(np.clip(1.15 - lung.around(x, v, radius, radius) * lobes, 0, 1))
    return soft_step(thickness - 0.25, 0.5) * (0.25 + 0.75 * thickness)


def metastases(finding: PhantomFinding, lung: Lung) -> Field:
    """Several balls of differing size, scattered over the lung."""
    rng = np.random.default_rng(finding.seed + int(lung.shape.sign > 0))
    places = rng.uniform((0.2, 0.15, 0.8), (0.85, 0.85, 1.3), size=(5 * finding.severity - 2, 3))
    total = np.zeros_like(lung.x)
    for across, along, factor in places.tolist():
        x, v = lung.shape.place(across, along)
        total = np.maximum(total, _ball(lung, x, v, factor * finding.size, 1.0))
    return 0.62 * total


def edema(finding: PhantomFinding, lung: Lung) -> Field:
    """Haze around both hila that spreads with its severity, and short septal lines at the chest wall."""
    reach = 0.26 + 0.14 * finding.severity
    wing = bump(lung.around(0.20, 0.08, reach, 1.35 * reach))
    fluffy = 1 + 0.25 * smooth_noise(finding.seed, 14, lung.pixels)
    septal = soft_step(np.sin(lung.v * 95) - 0.6, 0.5) * soft_step(lung.x - lung.lateral + 0.12, 0.04)
    septal = septal * soft_step(lung.v - 0.1, 0.2)
    return (0.20 + 0.17 * finding.severity) * wing * fluffy + 0.13 * septal * np.clip(fluffy, 0, 1.5)


def consolidation(finding: PhantomFinding, lung: Lung) -> Field:
    """A dense patch with a rather sharp edge, crossed by air-filled bronchi."""
    x, v = _centre(finding, lung)
    rough = 0.22 * smooth_noise(finding.seed, 12, lung.pixels)
    patch = soft_step(1 - np.sqrt(lung.around(x, v, 1.25 * finding.size, finding.size)) + rough, 0.6)
    bronchi = np.zeros_like(lung.x)
    for slope in (-0.5, 0.1, 0.7):
        bronchi = np.maximum(
            bronchi, bump(np.square((lung.v - v - slope * (lung.x - x + finding.size) - 0.15 * rough) / 0.022))
        )
    return (0.22 + 0.34 * finding.severity) * patch * (1 - 0.3 * bronchi)


def pneumonia(finding: PhantomFinding, lung: Lung) -> Field:
    """A cluster of fluffy patches around the bronchi of a zone."""
    rng = np.random.default_rng(finding.seed + int(lung.shape.sign > 0))
    x, v = _centre(finding, lung)
    empty = np.ones_like(lung.x)
    for dx, dv, radius in rng.uniform((-1, -1, 0.35), (1, 1, 0.6), size=(5 + 2 * finding.severity, 3)).tolist():
        radius *= finding.size
        patch = bump(lung.around(x + dx * finding.size, v + dv * finding.size, 1.3 * radius, 1.3 * radius))
        empty = empty * (1 - 0.62 * patch)
    return (0.30 + 0.35 * finding.severity) * (1 - empty)


def band(finding: PhantomFinding, lung: Lung) -> Field:
    """Plate-like atelectasis: one or two straight bands above the diaphragm or beside the hilum."""
    x, v = _centre(finding, lung)
    slope = 0.5 * (finding.across - 0.52) + (0.15 if finding.seed % 2 else -0.15)
    total = np.zeros_like(lung.x)
    for number in range(finding.severity):
        off = lung.v - (v + 0.075 * number) - (slope - 0.3 * number) * (lung.x - x)
        along = soft_step(finding.size * (1 - 0.3 * number) - np.abs(lung.x - x + 0.06 * number), 0.16)
        total = np.maximum(total, bump(np.square(off / 0.028)) * along)
    return 0.62 * total


def pneumothorax(finding: PhantomFinding, lung: Lung) -> Field:
    """Free air between the chest wall and the visceral pleura, which shows as a thin line."""
    depth = (0.0, 0.085, 0.18, 0.34)[finding.severity]
    low = (0.0, 0.12, 0.45, 0.85)[finding.severity]
    t = np.clip((lung.v - lung.shape.apex) / (lung.shape.base - lung.shape.apex), 0, 1)
    edge = lung.lateral - depth * (1 - (1 - low) * t) - (0.6 * depth * bump(np.square(t * 2.2)))
    top = lung.shape.apex + 0.9 * depth
    beyond = np.maximum(lung.x - edge, (top - lung.v) * 0.8)
    pleura = bump(np.square(beyond / 0.016))
    collapsed = (0.03, 0.05, 0.10, 0.22)[finding.severity] * soft_step(-beyond, 0.06)
    return finding.contrast * (0.55 * pleura + collapsed) - 0.22 * soft_step(beyond - 0.015, 0.02)


def effusion(finding: PhantomFinding, lung: Lung) -> Field:
    """Free fluid whose upper border rises toward the chest wall."""
    height = (0.0, 0.17, 0.40, 0.80)[finding.severity] * (0.75 if finding.faint else 1.0)
    span = np.clip((lung.x - lung.medial) / (lung.lateral - lung.medial), 0, 1)
    level = lung.shape.base - height + 0.03 - (0.10 + 0.05 * finding.severity) * (span**3 - 0.25)
    return 1.5 * soft_step(lung.v - level, 0.05)


def apical_cap(finding: PhantomFinding, lung: Lung) -> Field:
    """Thick pleura over the apex."""
    thickness = 0.035 + 0.03 * finding.severity
    rind = soft_step(np.maximum(lung.x - lung.lateral + thickness, lung.shape.apex + 1.6 * thickness - lung.v), 0.04)
    return 0.62 * rind * soft_step(lung.shape.apex + 0.30 - lung.v, 0.1)


def plaque(finding: PhantomFinding, lung: Lung) -> Field:
    """Calcified pleura along the chest wall: irregular dense strips."""
    thickness = 0.03 + 0.02 * finding.severity
    rough = 0.018 * smooth_noise(finding.seed, 24, lung.pixels)
    rind = soft_step(lung.x - lung.lateral + thickness + rough, 0.02)
    middle = lung.shape.apex + (0.3 + 0.5 * (finding.along - 0.3)) * 1.5
    return 1.25 * rind * soft_step(0.26 - np.abs(lung.v - middle), 0.1)


OPACITIES: Mapping[str, Callable[[PhantomFinding, Lung], Field]] = {
    draw.__name__: draw
    for draw in (
        haze,
        interstitial,
        nodule,
        mass,
        metastases,
        edema,
        consolidation,
        pneumonia,
        band,
        pneumothorax,
        effusion,
        apical_cap,
        plaque,
    )
}
"""By kind of finding."""

SMOOTH = frozenset({"pneumothorax", "effusion"})
"""Air and fluid: they have no texture, and show faintness in their own way instead of by contrast."""


def fill(finding: PhantomFinding, lung: Lung) -> Field:
    """Return the fraction of this lung's air that a finding replaces [H, W], below 0 where it adds air."""
    draw = OPACITIES[finding.kind]
    if finding.kind in SMOOTH:
        amount = draw(finding, lung)
    else:
        contrast = np.float32(0.25 + 0.75 * finding.contrast)
        amount = lung.mottled(draw(finding, lung.rippled(finding.seed)), finding.seed) * contrast
    return (amount * (lung.inside > 0)).astype(np.float32)
