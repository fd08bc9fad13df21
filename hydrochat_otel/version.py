"""The version of this package, for modules that the package itself imports."""

from typing import Final

__version__: Final = "0.1.0"
