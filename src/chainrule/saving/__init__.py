"""Files: one for each object, safe to open, and whole or not there at all.

>>> import chainrule as cr
>>> from chainrule import nn, random
>>> model = nn.mlp(random.key(0), (4, 8, 3))
>>> cr.save("model.safetensors", model)  # doctest: +SKIP
>>> model = cr.load("model.safetensors")  # doctest: +SKIP

A file is made in four steps, each a module of this package, and read in the same steps backwards:

====================  ==========================================================================
`encoding`            the object becomes a document, plain data that JSON can write, and arrays
`registry`, `names`   classes and functions stand in the document by name, never by code
`container`           document and arrays become the bytes of a safetensors file, with a checksum
`files`               the bytes become a file, atomically
====================  ==========================================================================
"""

from chainrule.saving import names
from chainrule.saving.registry import register
from chainrule.saving.saved import load, save

__all__ = ["load", "register", "save"]

names.register_all()
