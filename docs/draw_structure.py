"""Draw docs/structure.svg: the packages in layers, and which imports which.

Run ``python docs/draw_structure.py`` after changing imports between packages.
"""

import ast
from collections.abc import Iterator, Sequence
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent.parent / "decentralizepy"
PICTURE = Path(__file__).with_name("structure.svg")
ENTRANCES = {"__init__", "__main__", "cli"}

# from top to bottom; each package's left edge, width and purpose
Box = tuple[int, int, str]
LAYERS: Sequence[dict[str, Box]] = (
    {
        "commands": (20, 120, "one file per command"),
        "reproduce": (150, 120, "studies of papers"),
        "launcher": (280, 120, "prepare, start, watch"),
        "summary": (410, 120, "what a launcher shows"),
        "library": (540, 120, "functions for scripts"),
        "report": (670, 120, "an HTML page of runs"),
        "audit": (800, 120, "what observers learn"),
    },
    {
        "engines": (20, 220, "starting nodes"),
        "placement": (255, 215, "how machines find each other"),
        "sweeps": (485, 235, "many runs of one INI file"),
        "figures": (740, 180, "plots of finished runs"),
    },
    {
        "runs": (20, 220, "one machine's share of a run"),
        "monitor": (740, 180, "a run in progress"),
    },
    {
        "node": (280, 400, "who trains, who sends to whom, who waits for whom"),
        "results": (740, 180, "writing and reading"),
    },
    {
        "sharing": (20, 220, "what is sent, how it is averaged"),
        "training": (280, 180, "local steps"),
        "datasets": (500, 190, "data and partitions"),
        "communication": (740, 180, "how messages travel"),
    },
    {
        "compression": (20, 110, "codecs"),
        "attacks": (140, 100, "forged models"),
        "graphs": (250, 150, "topologies"),
        "models": (440, 200, "networks, flat vectors"),
        "mappings": (680, 125, "node to machine"),
        "tracking": (815, 105, "callbacks"),
    },
)
BASE = {
    "config": "INI to values",
    "factory": "class by name",
    "checkpoints": "file format",
    "randomness": "seeds, streams",
    "message": "channels",
    "utils": "flags",
    "files": "atomic writes",
    "machine": "cores, memory",
    "once": "shared results",
    "network": "virtual time",
    "privacy": "epsilons",
    "errors": "exceptions",
}
NAMED_IN_INI = {
    *("node", "sharing", "training", "datasets", "communication"),
    *("compression", "attacks", "graphs", "models", "mappings", "tracking"),
}
# corners of the arrows that cannot run straight down
Points = list[tuple[int, int]]
ROUTES: dict[tuple[str, str], Points] = {
    ("figures", "results"): [(920, 148), (934, 148), (934, 348), (920, 348)],
    ("monitor", "node"): [(740, 262), (600, 262), (600, 320)],
    ("sweeps", "runs"): [(600, 176), (600, 198), (200, 198), (200, 220)],
    ("runs", "node"): [(240, 262), (330, 262), (330, 320)],
    ("runs", "results"): [(240, 249), (724, 249), (724, 334), (740, 334)],
    ("runs", "sharing"): [(90, 276), (90, 420)],
    ("engines", "node"): [
        (226, 176),
        (226, 190),
        (262, 190),
        (262, 306),
        (300, 306),
        (300, 320),
    ],
    ("engines", "results"): [
        (216, 176),
        (216, 206),
        (732, 206),
        (732, 326),
        (740, 326),
    ],
    ("engines", "communication"): [
        (236, 176),
        (236, 184),
        (700, 184),
        (700, 400),
        (760, 400),
        (760, 420),
    ],
    ("runs", "training"): [
        (228, 276),
        (228, 284),
        (273, 284),
        (273, 398),
        (330, 398),
        (330, 420),
    ],
    ("runs", "models"): [
        (214, 276),
        (214, 291),
        (267, 291),
        (267, 512),
        (446, 512),
        (446, 520),
    ],
    ("runs", "attacks"): [
        (206, 276),
        (206, 305),
        (248, 305),
        (248, 505),
        (190, 505),
        (190, 520),
    ],
    ("node", "attacks"): [(280, 360), (254, 360), (254, 511), (210, 511), (210, 520)],
    ("runs", "graphs"): [(200, 276), (200, 298), (260, 298), (260, 520)],
    ("runs", "mappings"): [(240, 236), (710, 236), (710, 520)],
    ("placement", "mappings"): [(450, 176), (450, 212), (726, 212), (726, 520)],
    ("node", "results"): [(680, 348), (740, 348)],
    ("node", "sharing"): [(280, 348), (150, 348), (150, 420)],
    ("node", "graphs"): [(472, 376), (472, 504), (360, 504), (360, 520)],
    ("node", "models"): [(488, 376), (488, 520)],
    ("sharing", "models"): [(200, 476), (200, 490), (456, 490), (456, 520)],
    ("datasets", "mappings"): [(665, 476), (665, 498), (694, 498), (694, 520)],
}

WIDTH, LEFT, BOX, LAYER, CORNER = 950, 20, 56, 100, 7
ROW = 6  # boxes of the base layer
STYLE = """
text { font-family: Helvetica, Arial, sans-serif; fill: #1f2933; text-anchor: middle }
.name { font-size: 15px; font-weight: bold }
.words { font-size: 12px; fill: #3e4c59 }
.note { font-size: 12px; fill: #3e4c59; text-anchor: start }
.core { fill: #eef2f7; stroke: #7b8794 }
.plugin { fill: #e0f2e4; stroke: #5b8c69 }
.base { fill: #fdf1d6; stroke: #b08d3c }
.import { fill: none; stroke: #3e4c59; stroke-width: 1.3; marker-end: url(#tip) }
"""
TIP = (
    '<marker id="tip" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="8" '
    'markerHeight="8" orient="auto"><path d="M0 1 L8 4 L0 7 z" fill="#3e4c59"/></marker>'
)
NOTES = (
    ("core", "parts of a run"),
    ("plugin", "plug-ins: an INI file names them, factory imports them"),
    ("base", "base layer: text, files, errors and emulated links"),
)
LEFT_OUT = (
    "An arrow is an import. Not shown: imports by the top layer, which may import every package,"
    " and imports of the base layer, which every package may import."
)


def imports() -> set[tuple[str, str]]:
    """Return the pairs (package, package that it imports)."""
    pairs = set()
    for path in PACKAGE.rglob("*.py"):
        package = path.relative_to(PACKAGE).with_suffix("").parts[0]
        pairs |= {(package, other) for other in _imported(path)}
    known = packages()
    return {(a, b) for a, b in pairs if a != b and a in known and b in known}


def _imported(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        for name in names:
            if name.startswith("decentralizepy."):
                yield name.split(".")[1]


def packages() -> set[str]:
    """Return the folders and modules at the top of the package."""
    folders = {path.parent.name for path in PACKAGE.glob("*/__init__.py")}
    return folders | {path.stem for path in PACKAGE.glob("*.py")} - ENTRANCES


def svg() -> str:
    """Return the picture.

    Raises
    ------
    ValueError
        If a package has no place in the picture, or no longer exists.
    """
    placed = {name for layer in LAYERS for name in layer} | set(BASE)
    if moved := packages() ^ placed:
        raise ValueError(f"{__file__}: LAYERS and BASE have no place for {moved}")
    height = _bottom() + 80
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}">',
        f"<style>{STYLE}</style>",
        f"<defs>{TIP}</defs>",
        f'<rect width="{WIDTH}" height="{height}" fill="white"/>',
        *_boxes(),
        *_base(),
        *map(_arrow, _drawn()),
        *_notes(),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _top(layer: int) -> int:
    return LEFT + LAYER * layer


def _bottom() -> int:
    """Return where the base layer ends."""
    return _top(len(LAYERS)) + -(-len(BASE) // ROW) * (BOX + 4) + 10


def _boxes() -> Iterator[str]:
    for number, layer in enumerate(LAYERS):
        for name, (left, width, words) in layer.items():
            kind = "plugin" if name in NAMED_IN_INI else "core"
            yield _box(kind, left, _top(number), width, name, words)


def _base() -> Iterator[str]:
    for number, (name, words) in enumerate(BASE.items()):
        row, column = divmod(number, ROW)
        top = _top(len(LAYERS)) + row * (BOX + 4)
        yield _box("base", LEFT + column * 151, top, 146, name, words)


def _box(kind: str, left: int, top: int, width: int, name: str, words: str) -> str:
    middle = left + width // 2
    return (
        f'<rect class="{kind}" x="{left}" y="{top}" width="{width}" height="{BOX}" rx="6"/>'
        f'<text class="name" x="{middle}" y="{top + 24}">{name}</text>'
        f'<text class="words" x="{middle}" y="{top + 43}">{words}</text>'
    )


def _drawn() -> list[tuple[str, str]]:
    """Return the imports that get an arrow."""
    silent = {*LAYERS[0], *BASE}
    return sorted((a, b) for a, b in imports() if a not in silent and b not in BASE)


def _arrow(pair: tuple[str, str]) -> str:
    first, *corners, last = ROUTES.get(pair) or _straight(*pair)
    path = f"M{first[0]} {first[1]}"
    before = first
    for corner, after in zip(corners, [*corners, last][1:], strict=True):
        near, far = _towards(corner, before), _towards(corner, after)
        path += f" L{near[0]} {near[1]} Q{corner[0]} {corner[1]} {far[0]} {far[1]}"
        before = corner
    package, other = pair
    title = f"<title>{package} imports {other}</title>"
    return f'<path class="import" d="{path} L{last[0]} {last[1]}">{title}</path>'


def _towards(corner: tuple[int, int], other: tuple[int, int]) -> tuple[int, int]:
    """Return the point near a corner where its curve begins."""
    steps = (
        max(-CORNER, min(CORNER, b - a)) for a, b in zip(corner, other, strict=True)
    )
    x, y = (a + step for a, step in zip(corner, steps, strict=True))
    return x, y


def _straight(package: str, other: str) -> Points:
    """Return an arrow from the bottom of one box to the top of another, as vertical as possible."""
    left, width, top = _place(package)
    other_left, other_width, other_top = _place(other)
    x = (max(left, other_left) + min(left + width, other_left + other_width)) // 2
    near = [
        min(max(x, edge + 10), edge + size - 10)
        for edge, size in ((left, width), (other_left, other_width))
    ]
    return [(near[0], top + BOX), (near[1], other_top)]


def _place(package: str) -> tuple[int, int, int]:
    """Return the left edge, width and top of a package's box."""
    for number, layer in enumerate(LAYERS):
        if package in layer:
            left, width, _ = layer[package]
            return left, width, _top(number)
    raise KeyError(package)


def _notes() -> Iterator[str]:
    top, left = _bottom() + 12, LEFT
    for kind, words in NOTES:
        yield f'<rect class="{kind}" x="{left}" y="{top}" width="22" height="14" rx="3"/>'
        yield f'<text class="note" x="{left + 30}" y="{top + 11}">{words}</text>'
        left += 60 + 7 * len(words)
    yield f'<text class="note" x="{LEFT}" y="{top + 40}">{LEFT_OUT}</text>'


if __name__ == "__main__":
    PICTURE.write_text(svg())
