"""Pictures are drawn in memory, and every test begins and ends without any."""

import matplotlib
import pytest

matplotlib.use("Agg")


@pytest.fixture(autouse=True)
def _no_figures_left():
    import matplotlib.pyplot as plt

    yield
    plt.close("all")
