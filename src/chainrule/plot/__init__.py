"""Pictures of data, networks and training, drawn with Matplotlib.

Every display is made by ``from_estimator`` or the like, which draws it, or from its numbers, to be
drawn by ``plot(ax)``. ``to_frame()`` has the numbers that are drawn, ``describe()`` says in a few
sentences what is to be seen, ``save(path)`` writes SVG, PDF or PNG.

>>> from chainrule.plot import HistoryDisplay
>>> display = HistoryDisplay({"training": [0.9, 0.5], "validation": [1.0, 0.7]})
"""

from chainrule.plot.boundary import DecisionBoundaryDisplay
from chainrule.plot.confusion import ConfusionMatrixDisplay
from chainrule.plot.curve import FittedCurveDisplay
from chainrule.plot.display import Display
from chainrule.plot.history import HistoryDisplay
from chainrule.plot.learning_rate import LearningRateDisplay
from chainrule.plot.network import NetworkDisplay
from chainrule.plot.palette import Style, styles
from chainrule.plot.parallel_coordinates import ParallelCoordinatesDisplay
from chainrule.plot.parameter_importance import ParameterImportanceDisplay
from chainrule.plot.residuals import ResidualsDisplay
from chainrule.plot.search_heatmap import SearchHeatmapDisplay
from chainrule.plot.search_ranking import SearchRankingDisplay
from chainrule.plot.structure import NetworkStructure
from chainrule.plot.validation_curve import ValidationCurveDisplay
from chainrule.plot.weight_images import WeightImagesDisplay

__all__ = [
    "ConfusionMatrixDisplay",
    "DecisionBoundaryDisplay",
    "Display",
    "FittedCurveDisplay",
    "HistoryDisplay",
    "LearningRateDisplay",
    "NetworkDisplay",
    "NetworkStructure",
    "ParallelCoordinatesDisplay",
    "ParameterImportanceDisplay",
    "ResidualsDisplay",
    "SearchHeatmapDisplay",
    "SearchRankingDisplay",
    "Style",
    "ValidationCurveDisplay",
    "WeightImagesDisplay",
    "styles",
]
