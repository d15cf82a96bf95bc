"""The chest on a film: what each structure takes from the beam, as fields [H, W]."""

from __future__ import annotations

from functools import cached_property

import numpy as np

from medxpert.phantom.anatomy import Build, LungShape, torso
from medxpert.phantom.devices import draw_device
from medxpert.phantom.geometry import Canvas, Field, blur, bump, smooth_noise, soft_step
from medxpert.phantom.opacities import OPACITIES, Lung, fill
from medxpert.phantom.scene import Scene
from medxpert.phantom.skeleton import bones, draw_vessels, spine_shift

_AIR = 0.41


class Chest:
    """One scene on a film of side pixels; every structure is at the same place whatever the side."""

    def __init__(self, scene: Scene, side: int) -> None:
        self.scene = scene
        self.side = side
        self.ap = scene.acquisition.view == "AP"
        self.pose = scene.acquisition.pose
        self.u, self.v = self.pose.body_grid(side)
        build = Build(
            ap=self.ap,
            shallow=scene.acquisition.shallow,
            heart=1 + 0.20 * scene.grade("cardiomegaly"),
            mediastinum=1 + 0.75 * scene.grade("wide_mediastinum"),
        )
        self.shapes = {name: LungShape(scene.anatomy, name, build) for name in ("right", "left")}
        self.lungs = {name: self._lung(shape) for name, shape in self.shapes.items()}

    def canvas(self) -> Canvas:
        """Return an empty canvas of this film."""
        return Canvas(self.side, self.pose)

    def _lung(self, shape: LungShape) -> Lung:
        x = self.u * np.float32(shape.sign)
        lateral, medial = shape.lateral.over(self.v), shape.medial.over(self.v)
        floor = shape.floor(x)
        inside = soft_step(lateral - x, 0.045) * soft_step(x - medial, 0.05) * soft_step(floor - self.v, 0.03)
        return Lung(shape, x, self.v, lateral, medial, floor, inside, self.scene.look.texture)

    @cached_property
    def inside(self) -> Field:
        """Where the lungs are, 0..1."""
        return self.lungs["right"].inside + self.lungs["left"].inside

    @cached_property
    def heart(self) -> Field:
        """How thick heart and great vessels are, 0..1."""
        left, right = self.lungs["left"].medial, self.lungs["right"].medial
        across = (self.u - 0.5 * (left - right)) / (0.5 * (left + right))
        return np.sqrt(np.clip(1 - np.square(across), 0, 1)) * soft_step(self.v + 0.55, 0.5)

    def filling(self) -> Field:
        """Return the fraction of air replaced by the findings: below 0 for free air, over 1 where denser."""
        open_air, free_air, excess = np.ones_like(self.u), np.zeros_like(self.u), np.zeros_like(self.u)
        for finding in self.scene.findings:
            if finding.kind in OPACITIES:
                for name in finding.sides:
                    amount = fill(finding, self.lungs[name])
                    open_air = open_air * (1 - np.clip(amount, 0, 1))
                    free_air = np.minimum(free_air, amount)
                    excess = np.maximum(excess, (amount - 1) * self.lungs[name].inside)
        return 1 - open_air + free_air * open_air + excess

    def air(self) -> Field:
        """Return how much air the beam crosses in healthy lungs, 0..1."""
        total = np.zeros_like(self.u)
        for lung in self.lungs.values():
            middle = 0.5 * (lung.lateral + 0.14)
            across = np.clip((lung.x - middle) / np.maximum(middle, 0.05), -1, 1)
            total = total + lung.inside * (0.55 + 0.45 * np.sqrt(1 - np.square(across)))
        return total

    def windpipe(self) -> Field:
        """Return how much air the trachea and main bronchi hold, 0..1."""
        x = self.u + 0.02 * np.sin(2 * (self.v + 1)) - 0.4 * spine_shift(self.scene.anatomy, self.v)
        trachea = bump(np.square(x / 0.055)) * soft_step(-0.20 - self.v, 0.08)
        split = np.clip(self.v + 0.24, 0, 0.22)
        bronchi = bump(np.square((np.abs(x) - 0.9 * split) / 0.035)) * soft_step(0.16 - np.abs(self.v + 0.14), 0.1)
        return np.maximum(trachea, 0.5 * bronchi)

    def spine(self) -> Field:
        """Return the vertebral column, 0..1."""
        x = np.abs(self.u - spine_shift(self.scene.anatomy, self.v))
        discs = 0.5 + 0.5 * np.cos(self.v * np.float32(2 * np.pi / 0.125))
        body = soft_step(0.085 - x, 0.04) * (0.75 + 0.25 * soft_step(discs - 0.25, 0.6))
        return body + 0.2 * bump(np.square((x - 0.05) / 0.02)) * discs

    def skeleton(self) -> Field:
        """Return ribs, clavicles, shoulder blades and arms, about 0..1."""
        strokes = bones(self.scene.anatomy, self.shapes, self.ap, self.scene.findings)
        back, front, callus = self.canvas(), self.canvas(), self.canvas()
        texture = self.scene.look.texture
        for curve in strokes.posterior:
            back.tube(curve, texture.rib_width, 0.85, 0.52 * texture.rib_core)
        for curve in strokes.anterior:
            front.tube(curve, 1.1 * texture.rib_width, 0.50, 0.26 * texture.rib_core)
        for curve in strokes.clavicles:
            front.tube(curve, 1.1 * texture.rib_width, 1.0, 0.80)
        for fragment in strokes.fragments:
            callus.line(fragment.curve, 0.078, fragment.density)
            callus.disc(fragment.tip, 0.052, fragment.density)
        cage = blur(0.5 * back.field() + 0.5 * front.field() + 0.85 * callus.field(), texture.bone_blur)
        return 1.5 * cage * (0.6 + 0.4 * self.inside) + self._shoulders()

    def _shoulders(self) -> Field:
        """Return shoulder blades (over the lungs on AP films only) and the heads of the arm bones."""
        x, v = np.abs(self.u), self.v
        inner = (0.52 if self.ap else 0.76) + 0.12 * (v + 0.5)
        blade = soft_step(x - inner, 0.03) * soft_step(1.02 - x, 0.25) * soft_step(v + 0.66, 0.06)
        blade = blade * soft_step(inner + 0.36 - 0.8 * (v + 0.62) - x, 0.05)
        head = soft_step(0.13 - np.sqrt(np.square(x - 1.0) + np.square(v + 0.56)), 0.05)
        shaft = soft_step(0.055 - np.abs(x - 1.10 - 0.06 * v), 0.03) * soft_step(v + 0.55, 0.1)
        return 0.26 * blade + 0.50 * np.maximum(head, shaft)

    def vessels(self) -> Field:
        """Return the pulmonary vessels and hila, about 0..1."""
        canvas = self.canvas()
        draw_vessels(canvas, self.scene.anatomy, self.shapes)
        hila = bump(np.square((np.abs(self.u) - 0.17) / 0.09) + np.square((self.v + 0.05) / 0.17))
        return blur(canvas.field(), 0.007) * np.float32(self.scene.anatomy.vessel_density) + 0.6 * hila

    def devices(self) -> Field:
        """Return tubes, lines and wires, 0..1."""
        canvas = self.canvas()
        for finding in self.scene.findings:
            if finding.observation == "Support Devices":
                draw_device(finding, canvas)
        return canvas.field()

    def abdomen(self) -> Field:
        """Return the tissue under the diaphragm less the stomach's gas, 0..1."""
        floor = np.where(self.u < 0, self.lungs["right"].floor, self.lungs["left"].floor)
        below = soft_step(self.v - floor, 0.05)
        top = self.lungs["left"].floor + 0.035
        gas = soft_step(self.v - top, 0.03) * bump(np.square((self.u - 0.36) / 0.22) + np.square((self.v - top) / 0.22))
        return below * (1 + 0.5 * soft_step(self.v - 0.9, 0.8)) * (1 - 1.6 * max(self.scene.anatomy.bubble, 0.0) * gas)

    def breasts(self) -> Field:
        """Return the soft tissue in front of the lower lungs, 0..1; none on many patients."""
        weight = max(self.scene.anatomy.breast, 0.0)
        round_part = bump(np.square((np.abs(self.u) - 0.44) / 0.36) + np.square((self.v - 0.30) / 0.36))
        return np.float32(weight) * round_part * soft_step(0.62 - self.v, 0.08)

    def attenuation(self) -> Field:
        """Return what the beam loses, about 0 (air) to 1.2 (bone over tissue)."""
        anatomy, filling = self.scene.anatomy, self.filling()
        tissue = torso(self.u, self.v, anatomy)
        marked = self.inside * (1 - np.clip(np.abs(filling), 0, 1))
        texture = smooth_noise(anatomy.seed, 48, self.side) + 1.5 * smooth_noise(anatomy.seed + 1, 6, self.side)
        solid = 0.60 + 0.08 * anatomy.habitus + 0.20 * self.abdomen() + 0.10 * self.spine() + 0.012 * texture
        bone = 0.17 * anatomy.rib_density * self.skeleton()
        return (
            solid * tissue
            + bone * np.minimum(1.6 * tissue, 1)
            - _AIR * self.air() * (1 - filling)
            - 0.11 * self.windpipe()
            + 0.22 * self.heart
            + 0.13 * self.vessels() * marked
            + 0.07 * self.breasts()
            + 0.25 * self.devices()
        )
