"""Draw the contact sheet of the README: $ python experiments/phantom/sheet.py [radiograph.png ...].

Radiographs given on the command line stand in the last row, for comparison; the sheet in the repository has none.
"""

import sys
from itertools import islice
from pathlib import Path

from medxpert.data.phantom import read
from medxpert.drawing import Tile, contact_sheet
from medxpert.images.files import ImageFile, load
from medxpert.text import longest_section

COLUMNS, SIDE_PX = 4, 256
FOLDER = Path(__file__).parent


def main() -> None:
    """Write sheet.png beside this file, or comparison.png in the working folder when radiographs are given."""
    studies = list(islice(read("test", side=SIDE_PX), 24))
    chosen = studies[::3]
    tiles = [
        Tile(load(study.images[0], SIDE_PX), text=longest_section(study.findings, study.impression).text)
        for study in chosen
    ]
    real = [Tile(load(ImageFile(Path(name)), SIDE_PX), title="a real radiograph") for name in sys.argv[1:]]
    sheet = contact_sheet([*tiles, *real], COLUMNS, SIDE_PX, notice="Phantoms: procedural, nobody's chest.")
    sheet.save("comparison.png" if real else FOLDER / "sheet.png")


if __name__ == "__main__":
    main()
