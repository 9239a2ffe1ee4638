"""Checks for tests of one's own: of derivatives, and of every rule of an op."""

from chainrule.testing.gradients import check_grads
from chainrule.testing.operations import check_op

__all__ = ["check_grads", "check_op"]
