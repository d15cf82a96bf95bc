"""Draw the contact sheets of the README: $ python experiments/phantom/sheet.py [radiograph.png ...].

Radiographs given on the command line stand in the last row, for comparison; the sheets in the repository have none.
"""

import sys
from itertools import islice
from pathlib import Path

from medxpert.data.readers.phantom import read
from medxpert.drawing import Tile, contact_sheet
from medxpert.images.files import ImageFile, load
from medxpert.text import longest_section

COLUMNS, SIDE_PX = 4, 256
FOLDER = Path(__file__).parent
SHEETS = {"test": "sheet", "test_shift": "sheet_shift"}


def main() -> None:
    """Write a sheet for each split beside this file, or into the working folder when radiographs are given."""
    real = [Tile(load(ImageFile(Path(name)), SIDE_PX), title="a real radiograph") for name in sys.argv[1:]]
    for split, name in SHEETS.items():
        studies = list(islice(read(split, side=SIDE_PX), 24))[::3]
        tiles = [
            Tile(load(study.images[0], SIDE_PX), text=longest_section(study.findings, study.impression).text)
            for study in studies
        ]
        sheet = contact_sheet([*tiles, *real], COLUMNS, SIDE_PX, notice="Phantoms: procedural, nobody's chest.")
        sheet.save(f"comparison_{name}.png" if real else FOLDER / f"{name}.png")


if __name__ == "__main__":
    main()
