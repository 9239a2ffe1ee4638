"""Training: epochs that are compiled, run in a loop that keeps the best weights.

>>> from chainrule import nn, optim, random
>>> from chainrule.training import fit
"""

from chainrule.saving import register
from chainrule.training.checkpoint import Checkpoint
from chainrule.training.epoch import TrainingState
from chainrule.training.learning_rate import LearningRateSearch, find_learning_rate
from chainrule.training.log import Callback
from chainrule.training.loop import fit
from chainrule.training.result import EpochRecord, FitResult, History

__all__ = [
    "Callback",
    "Checkpoint",
    "EpochRecord",
    "FitResult",
    "History",
    "LearningRateSearch",
    "TrainingState",
    "find_learning_rate",
    "fit",
]

register("training.FitResult")(FitResult)
register("training.History")(History)
register("training.LearningRateSearch")(LearningRateSearch)
register("training.TrainingState")(TrainingState)
