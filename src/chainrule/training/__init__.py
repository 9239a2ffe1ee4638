"""Training: a compiled epoch, called in a loop that keeps the best weights.

>>> from chainrule import nn, optim, random
>>> from chainrule.training import fit
"""

from chainrule.training.epoch import TrainingState
from chainrule.training.log import Callback
from chainrule.training.loop import fit
from chainrule.training.result import EpochRecord, FitResult, History

__all__ = ["Callback", "EpochRecord", "FitResult", "History", "TrainingState", "fit"]
