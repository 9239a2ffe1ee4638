"""Files of all releases, kept here to be read for ever."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tests.saving.make_release_files import OPTIMIZER

import chainrule as cr
from chainrule.saving.registry import LIBRARY

RELEASES = sorted(path for path in (Path(__file__).parent / "data").iterdir())
FILES = sorted(path for release in RELEASES for path in release.glob("*.safetensors"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_files_of_every_release_predict_what_they_did(path):
    found = cr.load(path)
    assert found["outputs"]
    for method, expected in found["outputs"].items():
        output = getattr(found["object"], method)(found["X"])
        assert output.dtype == expected.dtype
        if expected.dtype.kind == "f":  # machines differ in the last bits of sums
            rtol = 1e-4 if found["X"].dtype == np.float32 or "regressor" in path.stem else 1e-9
            np.testing.assert_allclose(output, expected, rtol=rtol, atol=1e-12)
        else:
            np.testing.assert_array_equal(output, expected)


@pytest.mark.parametrize("release", RELEASES, ids=lambda path: path.name)
def test_training_goes_on_from_every_release(release):
    for name in ("mlp_classifier", "mlp_regressor"):
        found = cr.load(release / f"{name}.safetensors")
        estimator = found["object"].set_params(early_stopping=False)
        target = estimator.predict(found["X"])
        before = estimator.t_
        if name == "mlp_classifier":
            estimator.set_params(class_weight=None)
        assert estimator.partial_fit(found["X"], target).t_ == before + 24
    assert cr.load(release / "network.safetensors")["optimizer"] == OPTIMIZER


@pytest.mark.parametrize("release", RELEASES, ids=lambda path: path.name)
def test_names_are_for_ever(release):
    for name in (release / "names.txt").read_text(encoding="utf-8").split():
        assert LIBRARY.named(name) is not None


def test_the_files_of_a_release_are_small():
    for release in RELEASES:
        assert 0 < sum(path.stat().st_size for path in release.iterdir()) < 50_000
