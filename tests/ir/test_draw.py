"""Pictures: well-formed, complete, nothing on top of anything else."""

from __future__ import annotations

import itertools
import re
import xml.etree.ElementTree as ET
from typing import Any

import numpy as np
import pytest

import chainrule as cr

SVG = "{http://www.w3.org/2000/svg}"


def network(w1: Any, b1: Any, w2: Any, b2: Any) -> Any:
    hidden = np.tanh(np.ones((6, 4)) @ w1 + b1)
    logits = hidden @ w2 + b2
    shifted = logits - np.max(logits, axis=1, keepdims=True)
    loss = np.mean(np.log(np.sum(np.exp(shifted), axis=1)) - shifted[:, 0])
    return loss + 0.1 * np.sum(w1**2)


WEIGHTS = (np.ones((4, 3)), np.ones(3), np.ones((3, 2)), np.ones(2))


def looping(x: Any, xs: Any) -> Any:
    def body(c: Any, t: Any) -> Any:
        c = cr.cond(np.sum(c) > t, lambda c: np.sin(c) * t, lambda c: c / 2, c)
        return c, np.sum(c)

    c, ys = cr.scan(body, x, xs)
    return np.sum(c) + cr.while_loop(lambda v: v < 10.0, lambda v: v * 2, ys[0])


GRAPHS = {
    "network": cr.trace(network, *WEIGHTS),
    "gradient": cr.trace(cr.grad(network, argnums=(0, 1, 2, 3)), *WEIGHTS),
    "loops": cr.trace(looping, np.ones(3), np.ones(5)),
    "identity": cr.trace(lambda x: (x, 1.0), 2.0),
    "empty": cr.trace(lambda: ()),
    "unused": cr.trace(lambda x, y: y, 1.0, np.ones(2)),
    "integers": cr.trace(lambda x: (x < 3.0, x & 1), np.arange(3)),
}


def all_graphs(graph: cr.Graph) -> list[cr.Graph]:
    return [graph, *[g for sub in graph.subgraphs() for g in all_graphs(sub)]]


def boxes(root: ET.Element, kind: str) -> list[ET.Element]:
    return [g for g in root.iter(f"{SVG}g") if g.get("class") == kind]


@pytest.mark.parametrize("name", GRAPHS)
def test_every_part_of_the_graph_is_in_the_picture(name: str) -> None:
    graph = GRAPHS[name]
    root = ET.fromstring(graph.to_svg())
    graphs = all_graphs(graph)
    equations = [e for g in graphs for e in g.equations]
    literals = [
        atom
        for g in graphs
        for atom in (*[a for e in g.equations for a in e.inputs], *g.outputs)
        if hasattr(atom, "value")
    ]
    assert len(boxes(root, "input")) == sum(len(g.inputs) for g in graphs)
    assert len(boxes(root, "output")) == sum(len(g.outputs) for g in graphs)
    assert len(boxes(root, "literal")) == len(literals)
    assert len(boxes(root, "op")) + len(boxes(root, "frame")) == len(equations)
    words = "\n".join(text.text or "" for text in root.iter(f"{SVG}text"))
    for equation in equations:
        assert equation.op.name in words
        for var in equation.outputs:
            assert f": {var.type}" in words


def flat_boxes(root: ET.Element) -> list[list[tuple[float, float, float, float]]]:
    """Return the rectangles of every graph in the picture, graph by graph."""
    groups = []
    for group in root.iter(f"{SVG}g"):
        if group.get("transform") is None:
            continue
        rectangles = []
        for child in group:
            found = child.find(f"{SVG}rect")
            if found is not None:
                rectangles.append(
                    tuple(float(found.get(k, "")) for k in ("x", "y", "width", "height"))
                )
        groups.append(rectangles)
    return groups


@pytest.mark.parametrize("name", GRAPHS)
def test_no_two_boxes_overlap(name: str) -> None:
    root = ET.fromstring(GRAPHS[name].to_svg())
    for rectangles in flat_boxes(root):
        for (x, y, w, h), (p, q, v, u) in itertools.combinations(rectangles, 2):
            assert x + w <= p or p + v <= x or y + h <= q or q + u <= y


@pytest.mark.parametrize("name", GRAPHS)
def test_everything_is_within_the_picture(name: str) -> None:
    root = ET.fromstring(GRAPHS[name].to_svg())
    width, height = float(root.get("width", "")), float(root.get("height", ""))
    outermost = flat_boxes(root)[0]
    for x, y, w, h in outermost:
        assert x >= -1e-6
        assert y >= -1e-6
        assert x + w <= width
        assert y + h <= height


@pytest.mark.parametrize("name", GRAPHS)
def test_edges_run_downwards(name: str) -> None:
    root = ET.fromstring(GRAPHS[name].to_svg())
    for path in root.iter(f"{SVG}path"):
        if path.get("fill") != "none":
            continue
        heights = [
            float(number)
            for command in re.findall(r"[MVC][^MVC]*", path.get("d", ""))
            for number in (
                [command[1:]]
                if command[0] == "V"
                else [pair.split(",")[1] for pair in command[1:].split()]
            )
        ]
        assert heights == sorted(heights)


def test_a_chain_is_drawn_as_a_straight_line() -> None:
    root = ET.fromstring(cr.trace(lambda x: np.exp(np.sin(np.cos(x))), 1.0).to_svg())
    (rectangles,) = flat_boxes(root)
    assert len({round(x + w / 2) for x, _, w, _ in rectangles}) == 1


def test_edges_that_need_not_cross_do_not() -> None:
    def f(a: Any, b: Any, c: Any) -> Any:
        return np.sin(c), np.cos(a), np.exp(b)

    root = ET.fromstring(cr.trace(f, 1.0, 2.0, 3.0).to_svg())
    for path in root.iter(f"{SVG}path"):
        if path.get("fill") == "none":
            xs = {pair.split(",")[0] for pair in re.findall(r"[-\d.]+,[-\d.]+", path.get("d", ""))}
            assert len(xs) == 1


def test_text_is_escaped() -> None:
    def f(x: Any) -> Any:
        return x < 3.0 if 1 < 2 else "<&>"  # the line is shown when one points at the box

    svg = cr.trace(f, np.ones(2)).to_svg()
    root = ET.fromstring(svg)
    hints = [title.text for title in root.iter(f"{SVG}title")]
    assert any(hint and 'return x < 3.0 if 1 < 2 else "<&>"' in hint for hint in hints)


def test_a_notebook_shows_the_picture() -> None:
    graph = GRAPHS["network"]
    assert graph._repr_svg_() == graph.to_svg()


@pytest.mark.parametrize("name", GRAPHS)
def test_dot_text(name: str) -> None:
    graph = GRAPHS[name]
    dot = graph.to_dot()
    lines = [line.strip() for line in dot.splitlines()]
    assert lines[0] == "digraph chainrule {"
    assert lines[-1] == "}"
    assert sum(line.endswith("{") for line in lines) == lines.count("}")
    statement = re.compile(
        r'n\d+ \[label="(?:[^"\\]|\\.)*", shape=box, style="[a-z,]+", '
        r'fillcolor="#[0-9a-f]{6}", color="#[0-9a-f]{6}"\];'
    )
    edge = re.compile(r"(n\d+) -> (n\d+)(?: \[style=dotted\])?;")
    cluster = re.compile(r"subgraph cluster_\d+ \{")
    attributes = re.compile(
        r'(?:label="[^"]*";|style="filled"; color=.*;|node \[.*\];|edge \[.*\];)'
    )
    nodes, ends = set(), set()
    for line in lines[1:-1]:
        if found := edge.fullmatch(line):
            ends.update(found.groups())
        elif statement.fullmatch(line):
            nodes.add(line.split()[0])
        else:
            assert line == "}" or cluster.fullmatch(line) or attributes.fullmatch(line), line
    assert ends <= nodes
    nested = all_graphs(graph)[1:]
    assert len(cluster.findall(dot)) == len(nested)
    equations = sum(len(g.equations) for g in all_graphs(graph))
    assert len(nodes) >= equations + sum(len(g.inputs) + len(g.outputs) for g in all_graphs(graph))


def test_dot_to_the_letter() -> None:
    dot = cr.trace(lambda x: x * 2.0, 1.0).to_dot()
    assert dot.splitlines()[3:] == [
        '  n0 [label="a: float64[]", shape=box, style="rounded,filled", fillcolor="#dceefb", '
        'color="#0072b2"];',
        '  n1 [label="multiply\\nb: float64[]", shape=box, style="filled", fillcolor="#ffffff", '
        'color="#333333"];',
        "  n0 -> n1;",
        '  n2 [label="2.0", shape=box, style="dashed,filled", fillcolor="#f5f5f5", '
        'color="#767676"];',
        "  n2 -> n1;",
        '  n3 [label="output: float64[]", shape=box, style="rounded,filled,bold", '
        'fillcolor="#fbe6d8", color="#d55e00"];',
        "  n1 -> n3;",
        "}",
    ]
