"""What all displays share: figures, files, tables."""

import subprocess
import sys
import xml.etree.ElementTree as ET

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

from chainrule import nn, plot, random
from chainrule._errors import InvalidArgumentError, UnsupportedError
from chainrule.search import Ranked, Ranking

CURVES = {"training": [0.9, 0.5, 0.4], "validation": [1.0, 0.7, 0.8]}

GRID = np.meshgrid(np.linspace(0.0, 1.0, 5), np.linspace(0.0, 1.0, 4))

MAKERS = {
    "history": lambda: plot.HistoryDisplay(CURVES),
    "confusion": lambda: plot.ConfusionMatrixDisplay([[3, 1], [0, 4]]),
    "boundary": lambda: plot.DecisionBoundaryDisplay(
        *GRID, np.stack([GRID[0] - 0.5, 0.5 - GRID[0]], axis=2)
    ),
    "curve": lambda: plot.FittedCurveDisplay([0.0, 1.0, 2.0], [0.0, 1.0, 4.0]),
    "residuals": lambda: plot.ResidualsDisplay([1.0, 2.0], [1.5, 1.0]),
    "network": lambda: plot.NetworkDisplay(
        plot.NetworkStructure.of_model(nn.mlp(random.key(0), (3, 30, 2)))
    ),
    "weights": lambda: plot.WeightImagesDisplay(np.arange(18.0).reshape(9, 2)),
    "heatmap": lambda: plot.SearchHeatmapDisplay(
        [[0.1, 0.8], [np.nan, 0.9]],
        [0.01, 1.0],
        ["relu", "tanh"],
        status=[["done", "done"], ["diverged", "done"]],
    ),
    "validation": lambda: plot.ValidationCurveDisplay(
        [0.01, 0.1, 1.0], [0.8, 0.9, 0.7], [0.8, 0.95, 1.0], test_spread=[0.1, 0.1, 0.2]
    ),
    "parallel": lambda: plot.ParallelCoordinatesDisplay(
        [{"eta": 0.1, "f": "relu"}, {"eta": 1.0, "f": "tanh"}], [0.9, 0.2]
    ),
    "importance": lambda: plot.ParameterImportanceDisplay({"eta": 0.7, "lambda": 0.1}),
    "ranking": lambda: plot.SearchRankingDisplay(
        Ranking((Ranked(1, 0, {"eta": 0.1}, 0.9, 0.01, 0.0, True),), "seeds")
    ),
    "rates": lambda: plot.LearningRateDisplay([0.01, 0.1], [1.0, 2.0], [1.0, 1.5]),
}


@pytest.fixture(params=MAKERS, name="display")
def fixture_display(request):
    return MAKERS[request.param]()


def test_every_display_is_tested():
    displays = {name for name in plot.__all__ if name.endswith("Display")} - {"Display"}
    assert {type(make()).__name__ for make in MAKERS.values()} == displays


def test_makes_one_figure_and_closes_none(display):
    before = plt.figure()
    assert display.plot() is display
    assert plt.get_fignums() == [before.number, display.figure_.number]
    assert plt.gcf() is display.figure_


def test_draws_where_it_is_told_to_and_leaves_settings_alone(display):
    settings = dict(mpl.rcParams)
    figure = Figure(figsize=(3.0, 2.2), layout="compressed")
    left, right = figure.subplots(1, 2)
    display.plot(right)
    assert display.ax_ is right
    assert display.figure_ is figure
    assert not left.has_data()
    assert plt.get_fignums() == []
    assert dict(mpl.rcParams) == settings


def test_svg_has_text_as_text_and_says_what_is_to_be_seen(display, tmp_path):
    settings = dict(mpl.rcParams)
    path = display.plot().save(tmp_path / "picture.svg")
    assert dict(mpl.rcParams) == settings
    text = path.read_text(encoding="utf-8")
    root = ET.fromstring(text)
    words = {node.text for node in root.iter("{http://www.w3.org/2000/svg}text")}
    labels = {display.ax_.get_xlabel(), display.ax_.get_ylabel()} - {""}
    assert labels <= words
    assert words
    description = root.find(".//{http://purl.org/dc/elements/1.1/}description")
    assert description.text == display.describe()
    assert "<dc:date>" not in text


@pytest.mark.parametrize(
    ("kind", "suffix"), [*((kind, "svg") for kind in MAKERS), ("network", "pdf"), ("curve", "png")]
)
def test_a_picture_made_twice_is_the_same_file(kind, suffix, tmp_path):
    first, again = (
        MAKERS[kind]().plot().save(tmp_path / f"{name}.{suffix}").read_bytes() for name in "ab"
    )
    assert first == again


@pytest.mark.parametrize("suffix", ["svg", "pdf", "png"])
def test_a_picture_is_laid_out_and_drawn_once_to_be_saved(display, suffix, tmp_path, monkeypatch):
    done = []
    engine = ConstrainedLayoutEngine()
    display.plot(Figure(layout=engine).subplots())

    def count(cls, name):
        method = getattr(cls, name)

        def counted(self, *arguments):
            done.append((name, self))
            return method(self, *arguments)

        monkeypatch.setattr(cls, name, counted)

    count(ConstrainedLayoutEngine, "execute")
    count(Axes, "draw")
    display.save(tmp_path / f"picture.{suffix}")
    axes = [("draw", ax) for ax in display.figure_.axes]
    assert done[0] == ("execute", engine)
    assert len(done) == 1 + len(axes)
    assert set(axes) <= set(done)
    assert display.figure_.get_layout_engine() is engine


def test_settings_of_layouts_do_not_change_what_is_saved(display, tmp_path):
    files = [tmp_path / "plain.svg", tmp_path / "tight.svg"]
    for file, tight in zip(files, (False, True), strict=True):
        with mpl.rc_context({"figure.autolayout": tight}):
            display.plot(Figure(layout="constrained").subplots()).save(file)
    assert files[0].read_bytes() == files[1].read_bytes()


def test_svg_is_the_same_in_another_process(tmp_path):
    code = (
        "import sys\n"
        "from matplotlib.figure import Figure\n"
        "from chainrule.plot import HistoryDisplay\n"
        "axes = Figure(layout='compressed').subplots()\n"
        f"HistoryDisplay({CURVES!r}).plot(axes).save(sys.argv[1])\n"
        "print('matplotlib.pyplot' in sys.modules)"
    )
    files = [tmp_path / "one.svg", tmp_path / "two.svg"]
    for file in files:
        done = subprocess.run(
            [sys.executable, "-c", code, file], capture_output=True, text=True, check=True
        )
        assert done.stdout == "False\n"
    assert files[0].read_bytes() == files[1].read_bytes()


def test_import_loads_nothing_heavy():
    code = "import sys, chainrule.plot; print(*{m.partition('.')[0] for m in sys.modules})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert set(done.stdout.split()).isdisjoint({"matplotlib", "pandas", "sklearn"})


def test_what_is_not_drawn_is_not_saved(tmp_path):
    with pytest.raises(InvalidArgumentError) as caught:
        plot.HistoryDisplay(CURVES).save(tmp_path / "picture.svg")
    assert caught.value.message == (
        "HistoryDisplay.save: expected a display that was drawn; call plot() first."
    )
    assert list(tmp_path.iterdir()) == []


def test_unknown_formats_are_refused(tmp_path):
    with pytest.raises(InvalidArgumentError) as caught:
        plot.HistoryDisplay(CURVES).plot().save(tmp_path / "picture.docx")
    assert caught.value.message == (
        "HistoryDisplay.save: expected a name that ends in .svg, .pdf or .png, got 'picture.docx'; "
        "figure_.savefig knows more formats."
    )


def test_tables_need_pandas(display, monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(UnsupportedError) as caught:
        display.to_frame()
    assert caught.value.message == (
        "to_frame: expected pandas to be installed; get it with 'pip install pandas'."
    )


def test_colours_differ_and_stay_apart_in_grey():
    from matplotlib.colors import to_rgb

    from chainrule.plot.palette import styles

    for count in (2, 7, 20):
        made = styles(count)
        assert len({(to_rgb(s.color), str(s.dashes), s.marker) for s in made}) == count
    # The first two lines, the most frequent case, differ in lightness or else in their dashes.
    assert styles(2)[0].dashes != styles(2)[1].dashes
    lightness = [np.dot(to_rgb(s.color), (0.299, 0.587, 0.114)) for s in styles(20)]
    assert (np.diff(lightness) > 0.0).all()
