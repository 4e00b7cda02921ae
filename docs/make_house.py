"""Write the picture of the house, docs/images/house.svg, from the layers in pyproject.toml.

python docs/make_house.py
"""

import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]
PICTURE = ROOT / "docs" / "images" / "house.svg"
WIDTH, HEIGHT, GAP, MARGIN = 640, 24, 4, 12


def layers() -> list[list[str]]:
    """Return the layers of the contract, highest first, each with its packages."""
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    contracts = tomllib.loads(text)["tool"]["importlinter"]["contracts"]
    listed = next(contract for contract in contracts if contract["type"] == "layers")["layers"]
    return [[name.strip() for name in layer.split("|")] for layer in listed]


def picture() -> str:
    """Return the picture: a row a layer, a box a package."""
    rows = layers()
    height = 2 * MARGIN + len(rows) * (HEIGHT + GAP) - GAP
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" '
        'font-family="sans-serif" font-size="13" text-anchor="middle">',
        f'<rect width="{WIDTH}" height="{height}" fill="white"/>',
    ]
    for number, names in enumerate(rows):
        width = (WIDTH - 2 * MARGIN - GAP * (len(names) - 1)) / len(names)
        y = MARGIN + number * (HEIGHT + GAP)
        for place, name in enumerate(names):
            x = MARGIN + place * (width + GAP)
            lines.append(
                f'<rect x="{x:.0f}" y="{y}" width="{width:.0f}" height="{HEIGHT}" rx="3" '
                'fill="#e8eef5" stroke="#5b7490"/>'
            )
            lines.append(f'<text x="{x + width / 2:.0f}" y="{y + 16}">{name}</text>')
    return "\n".join([*lines, "</svg>", ""])


if __name__ == "__main__":
    PICTURE.write_text(picture(), encoding="utf-8")
