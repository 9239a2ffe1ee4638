"""Machine code: graphs compiled by LLVM, with large matrix products by BLAS.

A graph becomes steps over buffers (`schedule`), neighbouring loops over the same positions become
one (`fuse`), temporaries get their places (`memory`), and the whole becomes an LLVM function
(`emit`) that calls one per kernel (`units`). All are optimized for the CPU (`compilation`), put
together (`linking`), kept on disk (`programs`), and called without Python (`engine`). Importing
this package loads neither llvmlite nor any stage of compilation: a program found on disk needs none
(`image`).
"""

from chainrule.compiler.native.engine import NativeProgram
from chainrule.compiler.native.support import supports, unsupported

__all__ = ["NativeProgram", "supports", "unsupported"]
