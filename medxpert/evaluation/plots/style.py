"""The one look of all plots: light, quiet, and safe for colour-blind readers (palette of Okabe and Ito 2008)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import as_file, files
from pathlib import Path

import matplotlib as mpl
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from medxpert.evaluation.subject import ADAPTED, GIVEN, ORACLE, PIXEL
from medxpert.report import NOTICE
from medxpert.words import Policy

BLUE, ORANGE, GREEN, PINK, SKY, RED, YELLOW = (
    "#0072B2",
    "#E69F00",
    "#009E73",
    "#CC79A7",
    "#56B4E9",
    "#D55E00",
    "#C9B400",
)
GREY, PALE = "#7b8794", "#dfe4ea"
_COLOURS = {ADAPTED: BLUE, GIVEN: BLUE, ORACLE: GREEN, PIXEL: PINK}


def colour(contender: str) -> str:
    """Return the colour that stands for a contender everywhere; the starting weights are orange."""
    return _COLOURS.get(contender, ORANGE)


@contextmanager
def drawn(path: Path, title: str, size: tuple[float, float], policy: Policy) -> Iterator[Figure]:
    """Yield an empty figure of `size` inches that is titled, marked with its policy and saved as PNG."""
    with as_file(files("medxpert.evaluation.plots") / "plots.mplstyle") as settings, mpl.rc_context(fname=settings):
        figure = Figure(figsize=size, layout="constrained")
        FigureCanvasAgg(figure)
        yield figure
        figure.suptitle(title, x=0.01, ha="left", fontsize=11, fontweight="bold")
        figure.supxlabel(f"{NOTICE} Policy: {policy}.", x=0.01, ha="left", fontsize=7, color=GREY)
        figure.savefig(path)
