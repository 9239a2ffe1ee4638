"""Graphs as pictures: SVG, laid out here, and the DOT language of Graphviz.

The layout is the one Sugiyama described for directed graphs. Every box is put into a row, one
below everything it depends on; an edge that passes rows gets a waypoint in each of them. The rows
are then sorted by the mean position of each box's neighbours, which removes most crossings, and
finally every box is moved as close to that mean as the boxes beside it allow. A box that holds
graphs (a loop, a branch) is drawn as a frame around their pictures, laid out the same way.

Inputs, outputs, constants and ops differ in outline as well as in colour, and the colours are from
the palette of Okabe and Ito, which people with any kind of colour vision can tell apart.

References
----------
.. [1] Sugiyama, Tagawa and Toda, Methods for visual understanding of hierarchical system
   structures, IEEE Transactions on Systems, Man and Cybernetics 11, 1981.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from html import escape
from typing import NamedTuple

from chainrule.ir.graph import Equation, Graph, Literal, Var
from chainrule.ir.printer import Names, format_params, format_value

_LONGEST_LINE = 34
_LONGEST_FRAME_LINE = 60

_CHARACTER_WIDTH = 7.3
_LINE_HEIGHT = 16.0
_PADDING = 9.0
_COLUMN_GAP = 22.0
_ROW_GAP = 34.0
_WAYPOINT_WIDTH = 6.0
_FRAME_GAP = 28.0
_MARGIN = 12.0
_SORTING_SWEEPS = 12
_PLACING_SWEEPS = 40


class _Style(NamedTuple):
    """How one kind of box looks, in SVG and in DOT."""

    fill: str
    line: str
    radius: float
    dashes: str
    width: float
    dot_shape: str
    dot_style: str


_STYLES = {
    "input": _Style("#dceefb", "#0072b2", 13.0, "", 1.5, "box", "rounded,filled"),
    "output": _Style("#fbe6d8", "#d55e00", 13.0, "", 2.5, "box", "rounded,filled,bold"),
    "literal": _Style("#f5f5f5", "#767676", 0.0, "3 2", 1.0, "box", "dashed,filled"),
    "op": _Style("#ffffff", "#333333", 3.0, "", 1.2, "box", "filled"),
    "frame": _Style("#f1f9f6", "#009e73", 3.0, "", 1.5, "box", "filled"),
}


class _Box:
    """A box or, without lines of text, a waypoint of an edge."""

    def __init__(self, kind: str, lines: Sequence[str] = (), hint: str = "") -> None:
        self.kind = kind
        limit = _LONGEST_FRAME_LINE if kind == "frame" else _LONGEST_LINE
        self.lines = [_shortened(line, limit) for line in lines]
        self.row_height = 0.0
        self.hint = hint
        self.pictures: list[tuple[str, _Picture]] = []
        self.row = 0
        self.x = self.y = 0.0  # of the centre
        longest = max(map(len, self.lines), default=0)
        self.width = longest * _CHARACTER_WIDTH + 2 * _PADDING if self.lines else _WAYPOINT_WIDTH
        self.height = len(self.lines) * _LINE_HEIGHT + _PADDING if self.lines else 0.0

    def hold(self, pictures: list[tuple[str, _Picture]]) -> None:
        """Make the box large enough for pictures that stand side by side under its text."""
        self.pictures = pictures
        inside = sum(picture.width + _FRAME_GAP for _, picture in pictures)
        inside += 2 * _PADDING - _FRAME_GAP
        self.width = max(self.width, inside)
        self.height += max(picture.height for _, picture in pictures) + _LINE_HEIGHT + _PADDING


class _Picture(NamedTuple):
    """A graph laid out: boxes with positions, and edges as runs of boxes."""

    boxes: list[_Box]
    edges: list[list[_Box]]
    width: float
    height: float


def _shortened(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[: limit - 1] + "…"


# -- from a graph to boxes and edges -------------------------------------------------------------


def _nested(equation: Equation) -> Iterator[tuple[str, Graph]]:
    for name, value in equation.params.items():
        if isinstance(value, Graph):
            yield name, value
        elif isinstance(value, tuple):
            for number, item in enumerate(value):
                if isinstance(item, Graph):
                    yield f"{name}[{number}]", item


def _equation_text(equation: Equation, names: Names) -> list[str]:
    params = format_params(equation.params)
    head = [f"{equation.op.name}{params}"]
    if len(head[0]) > _LONGEST_LINE:
        head = [equation.op.name, params]
    return [*head, *[f"{names[var]}: {var.type}" for var in equation.outputs]]


def _boxes_of(graph: Graph) -> tuple[list[_Box], list[tuple[_Box, _Box]]]:
    """Return a box for every input, equation, constant and output, and the edges between them."""
    names = Names()
    boxes: list[_Box] = []
    edges: list[tuple[_Box, _Box]] = []
    source: dict[Var, _Box] = {}
    for var in graph.inputs:
        source[var] = _Box("input", [f"{names[var]}: {var.type}"])
        boxes.append(source[var])

    def connect(atoms: Sequence[Var | Literal], target: _Box) -> None:
        seen: set[_Box] = set()
        for atom in atoms:
            if isinstance(atom, Literal):
                origin = _Box("literal", [format_value(atom.value)], str(atom.type))
                boxes.append(origin)
            else:
                origin = source[atom]
            if origin not in seen:
                seen.add(origin)
                edges.append((origin, target))

    for equation in graph.equations:
        text = _equation_text(equation, names)
        hint = [f"{equation.op.name}{format_params(equation.params)}", str(equation.source or "")]
        pictures = [(name, _lay_out(subgraph)) for name, subgraph in _nested(equation)]
        box = _Box("frame" if pictures else "op", text, "\n".join(filter(None, hint)))
        if pictures:
            box.hold(pictures)
        connect(equation.inputs, box)
        boxes.append(box)
        source.update(dict.fromkeys(equation.outputs, box))
    for number, atom in enumerate(graph.outputs):
        name = "output" if len(graph.outputs) == 1 else f"output {number}"
        box = _Box("output", [f"{name}: {atom.type}"])
        connect([atom], box)
        boxes.append(box)
    return boxes, edges


# -- layout --------------------------------------------------------------------------------------


def _assign_rows(boxes: Sequence[_Box], edges: Sequence[tuple[_Box, _Box]]) -> None:
    """Put every box one row below the lowest box it depends on, and what is given above its use."""
    incoming: dict[_Box, list[_Box]] = {box: [] for box in boxes}
    outgoing: dict[_Box, list[_Box]] = {box: [] for box in boxes}
    for origin, target in edges:
        incoming[target].append(origin)
        outgoing[origin].append(target)
    for box in boxes:  # what a box depends on stands before it
        box.row = max((origin.row + 1 for origin in incoming[box]), default=0)
    lowest = max((box.row for box in boxes), default=0)
    for box in boxes:
        if box.kind == "output":
            box.row = lowest
    for box in boxes:
        if not incoming[box]:
            box.row = min((target.row - 1 for target in outgoing[box]), default=0)


def _with_waypoints(edges: Sequence[tuple[_Box, _Box]]) -> list[list[_Box]]:
    runs = []
    for origin, target in edges:
        run = [origin]
        for row in range(origin.row + 1, target.row):
            point = _Box("waypoint")
            point.row = row
            run.append(point)
        runs.append([*run, target])
    return runs


def _crossings(rows: Sequence[Sequence[_Box]], below: dict[_Box, list[_Box]]) -> int:
    """Count the pairs of edges between neighbouring rows that cross."""
    total = 0
    for upper, lower in itertools.pairwise(rows):
        place = {box: number for number, box in enumerate(lower)}
        ends = [sorted(place[box] for box in below[origin]) for origin in upper]
        passed: list[int] = []
        for targets in ends:
            total += sum(1 for target in targets for earlier in passed if earlier > target)
            passed += targets
    return total


def _sort_rows(rows: list[list[_Box]], above: _Neighbours, below: _Neighbours) -> list[list[_Box]]:
    """Sort the rows by the mean position of their neighbours, downwards and upwards in turn."""
    best, fewest = [list(row) for row in rows], _crossings(rows, below)
    for sweep in range(_SORTING_SWEEPS):
        if fewest == 0:
            break
        downwards = sweep % 2 == 0
        for row in rows if downwards else reversed(rows):
            other = above if downwards else below
            place = {box: number for r in rows for number, box in enumerate(r)}
            mean = {
                box: sum(place[n] for n in other[box]) / len(other[box])
                if other[box]
                else float(place[box])
                for box in row
            }
            row.sort(key=mean.__getitem__)
        count = _crossings(rows, below)
        if count < fewest:
            best, fewest = [list(row) for row in rows], count
    return best


_Neighbours = dict[_Box, list[_Box]]


def _place_row(row: Sequence[_Box], wanted: Sequence[float]) -> None:
    """Put boxes as close to where they are wanted as their order and widths allow.

    With the least room subtracted, positions only have to ascend: boxes that would overlap are
    merged into blocks, each at the mean of what its members want.
    """
    offsets = [0.0]
    for left, right in itertools.pairwise(row):
        gap = _COLUMN_GAP if left.lines or right.lines else _COLUMN_GAP / 2
        offsets.append(offsets[-1] + (left.width + right.width) / 2 + gap)
    blocks: list[tuple[float, int]] = []  # (mean, number of members)
    for want, offset in zip(wanted, offsets, strict=True):
        mean, size = want - offset, 1
        while blocks and blocks[-1][0] >= mean:
            before, members = blocks.pop()
            mean = (before * members + mean * size) / (members + size)
            size += members
        blocks.append((mean, size))
    means = [mean for mean, size in blocks for _ in range(size)]
    for box, mean, offset in zip(row, means, offsets, strict=True):
        box.x = mean + offset


def _lay_out(graph: Graph) -> _Picture:
    boxes, edges = _boxes_of(graph)
    _assign_rows(boxes, edges)
    runs = _with_waypoints(edges)
    points = [box for run in runs for box in run[1:-1]]
    everything = [*boxes, *points]
    above: _Neighbours = {box: [] for box in everything}
    below: _Neighbours = {box: [] for box in everything}
    for run in runs:
        for upper, lower in itertools.pairwise(run):
            below[upper].append(lower)
            above[lower].append(upper)
    count = max((box.row for box in everything), default=-1) + 1
    rows: list[list[_Box]] = [[] for _ in range(count)]
    for box in everything:
        rows[box.row].append(box)
    rows = _sort_rows(rows, above, below)
    for row in rows:
        _place_row(row, [0.0] * len(row))
    for sweep in range(_PLACING_SWEEPS):
        for row in rows if sweep % 2 == 0 else reversed(rows):
            wanted = []
            for box in row:
                neighbours = above[box] + below[box]
                wanted.append(
                    sum(n.x for n in neighbours) / len(neighbours) if neighbours else box.x
                )
            _place_row(row, wanted)
    left = min((box.x - box.width / 2 for box in everything), default=0.0)
    right = max((box.x + box.width / 2 for box in everything), default=0.0)
    y = 0.0
    for row in rows:
        height = max(box.height for box in row)
        for box in row:
            box.x -= left
            box.y = y + height / 2
            box.row_height = height
        y += height + _ROW_GAP
    return _Picture(boxes, runs, right - left, max(y - _ROW_GAP, 0.0))


# -- SVG -----------------------------------------------------------------------------------------


def to_svg(graph: Graph) -> str:
    """Draw a graph as SVG.

    Parameters
    ----------
    graph : Graph

    Returns
    -------
    str
        A document that stands for itself: inputs at the top, outputs at the bottom, a frame
        around the graphs that a loop or branch holds. Pointing at a box shows the line of code it
        comes from.
    """
    picture = _lay_out(graph)
    width, height = picture.width + 2 * _MARGIN, picture.height + 2 * _MARGIN
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height:.0f}" '
            f'viewBox="0 0 {width:.1f} {height:.1f}" role="img" aria-label="computation graph" '
            'font-family="\'DejaVu Sans Mono\', Menlo, Consolas, monospace" font-size="12">',
            '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" '
            'markerHeight="7" orient="auto"><path d="M0,0.5 L8,4 L0,7.5 z" fill="#555555"/>'
            "</marker></defs>",
            f'<rect width="{width:.1f}" height="{height:.1f}" fill="#ffffff"/>',
            *_svg_picture(picture, _MARGIN, _MARGIN),
            "</svg>",
        ]
    )


def _svg_picture(picture: _Picture, x: float, y: float) -> Iterator[str]:
    yield f'<g transform="translate({x:.1f} {y:.1f})">'
    for run in picture.edges:
        yield _svg_edge(run)
    for box in picture.boxes:
        yield from _svg_box(box)
    yield "</g>"


def _svg_edge(run: Sequence[_Box]) -> str:
    """Return a line that is vertical within rows, where boxes are, and curves between them."""
    first, last = run[0], run[-1]
    entry = _entry(last, run[-2].x)
    path = f"M{first.x:.1f},{first.y + first.height / 2:.1f}"
    for upper, lower in itertools.pairwise(run):
        x0, y0 = upper.x, upper.y + upper.row_height / 2
        x1, y1 = entry if lower is last else lower.x, lower.y - lower.row_height / 2
        middle = (y0 + y1) / 2
        path += f" V{y0:.1f} C{x0:.1f},{middle:.1f} {x1:.1f},{middle:.1f} {x1:.1f},{y1:.1f}"
    path += f" V{last.y - last.height / 2:.1f}"
    return (
        f'<path d="{path}" fill="none" stroke="#555555" stroke-width="1.1" marker-end="url(#tip)"/>'
    )


def _entry(box: _Box, origin: float) -> float:
    """Return where an edge enters a box: towards the side it comes from, not in the corner."""
    reach = max(min(box.width / 2 - 14.0, 60.0), 0.0)
    return box.x + max(-reach, min(reach, (origin - box.x) / 3))


def _svg_box(box: _Box) -> Iterator[str]:
    style = _STYLES[box.kind]
    left, top = box.x - box.width / 2, box.y - box.height / 2
    dashes = f' stroke-dasharray="{style.dashes}"' if style.dashes else ""
    yield f'<g class="{box.kind}">'
    if box.hint:
        yield f"<title>{escape(box.hint)}</title>"
    yield (
        f'<rect x="{left:.1f}" y="{top:.1f}" width="{box.width:.1f}" height="{box.height:.1f}" '
        f'rx="{style.radius}" fill="{style.fill}" stroke="{style.line}" '
        f'stroke-width="{style.width}"{dashes}/>'
    )
    for number, line in enumerate(box.lines):
        baseline = top + _PADDING / 2 + (number + 0.75) * _LINE_HEIGHT
        is_name = number == 0 and box.kind in ("op", "frame")
        weight = ' font-weight="bold"' if is_name else ""
        color = "#111111" if is_name or len(box.lines) == 1 else "#555555"
        yield (
            f'<text x="{box.x:.1f}" y="{baseline:.1f}" text-anchor="middle" fill="{color}"'
            f"{weight}>{escape(line)}</text>"
        )
    x, y = left + _PADDING, top + len(box.lines) * _LINE_HEIGHT + _PADDING
    for name, picture in box.pictures:
        yield (
            f'<text x="{x:.1f}" y="{y + 0.6 * _LINE_HEIGHT:.1f}" fill="#00664b" '
            f'font-style="italic">{escape(name)}</text>'
        )
        yield from _svg_picture(picture, x, y + _LINE_HEIGHT)
        x += picture.width + _FRAME_GAP
    yield "</g>"


# -- DOT -----------------------------------------------------------------------------------------


def to_dot(graph: Graph) -> str:
    """Write a graph in the DOT language of Graphviz.

    Parameters
    ----------
    graph : Graph

    Returns
    -------
    str
        A ``digraph``. The graphs that a loop or branch holds are clusters, to whose inputs the
        loop's own box points with dotted lines.
    """
    lines = [
        "digraph chainrule {",
        '  node [fontname="monospace", fontsize=11, margin="0.12,0.05"];',
        '  edge [color="#555555", arrowsize=0.7];',
        *_dot_graph(graph, "  ", itertools.count(), itertools.count(), None),
        "}",
    ]
    return "\n".join(lines) + "\n"


def _quoted(lines: Sequence[str]) -> str:
    text = "\n".join(lines).replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{text}"'


def _dot_node(identifier: str, kind: str, lines: Sequence[str], indent: str) -> str:
    style = _STYLES[kind]
    return (
        f"{indent}{identifier} [label={_quoted(lines)}, shape={style.dot_shape}, "
        f'style="{style.dot_style}", fillcolor="{style.fill}", color="{style.line}"];'
    )


def _dot_graph(
    graph: Graph,
    indent: str,
    nodes: itertools.count[int],
    clusters: itertools.count[int],
    caller: str | None,
) -> Iterator[str]:
    """Yield the lines of a graph; ``caller`` is the node of the equation that holds it."""
    names = Names()
    source: dict[Var, str] = {}
    for var in graph.inputs:
        source[var] = f"n{next(nodes)}"
        yield _dot_node(source[var], "input", [f"{names[var]}: {var.type}"], indent)
        if caller is not None:
            yield f"{indent}{caller} -> {source[var]} [style=dotted];"

    def connect(atoms: Sequence[Var | Literal], target: str) -> Iterator[str]:
        for atom in atoms:
            if isinstance(atom, Literal):
                origin = f"n{next(nodes)}"
                yield _dot_node(origin, "literal", [format_value(atom.value)], indent)
            else:
                origin = source[atom]
            yield f"{indent}{origin} -> {target};"

    for equation in graph.equations:
        node = f"n{next(nodes)}"
        source.update(dict.fromkeys(equation.outputs, node))
        text = [_shortened(line, _LONGEST_FRAME_LINE) for line in _equation_text(equation, names)]
        nested = list(_nested(equation))
        yield _dot_node(node, "frame" if nested else "op", text, indent)
        for name, subgraph in nested:
            frame = _STYLES["frame"]
            yield f"{indent}subgraph cluster_{next(clusters)} {{"
            yield f"{indent}  label={_quoted([f'{name} of {equation.op.name}'])};"
            yield f'{indent}  style="filled"; color="{frame.line}"; fillcolor="{frame.fill}";'
            yield from _dot_graph(subgraph, indent + "  ", nodes, clusters, node)
            yield f"{indent}}}"
        yield from connect(equation.inputs, node)
    for number, atom in enumerate(graph.outputs):
        node = f"n{next(nodes)}"
        name = "output" if len(graph.outputs) == 1 else f"output {number}"
        yield _dot_node(node, "output", [f"{name}: {atom.type}"], indent)
        yield from connect([atom], node)
