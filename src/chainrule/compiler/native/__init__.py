"""Machine code: graphs compiled by LLVM, with matrix products by BLAS.

A graph becomes steps over buffers (`schedule`), neighbouring loops over the same positions become
one (`fuse`), temporaries get their places (`memory`), and the whole becomes one LLVM function
(`emit`), which is optimized for the CPU at hand and called without Python (`engine`). Importing
this package loads llvmlite.
"""

from chainrule.compiler.native.engine import NativeProgram
from chainrule.compiler.native.support import supports, unsupported

__all__ = ["NativeProgram", "supports", "unsupported"]
