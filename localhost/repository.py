"""Where this repository is: the app that the local host serves by itself."""

from pathlib import Path
from typing import Final

REPOSITORY: Final = Path(__file__).resolve().parent.parent
