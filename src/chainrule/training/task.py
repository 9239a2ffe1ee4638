"""What a training run is about."""

from __future__ import annotations

from typing import NamedTuple

from chainrule.training.epoch import Loss, Samples, Score

__all__ = ["Task"]


class Task(NamedTuple):
    """What is to be learned from which samples.

    Attributes
    ----------
    loss : callable
    train : Samples
    validation : Samples or None
    shuffle : bool
        Whether every epoch takes the rows in a new order.
    score : callable or None
        Of validation samples.
    running : bool
        Whether the training loss is the mean over the batches as they come.
    """

    loss: Loss
    train: Samples
    validation: Samples | None
    shuffle: bool
    score: Score | None
    running: bool = False
