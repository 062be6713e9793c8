"""The formats of other programs: what socialrl records, as they read it, and what they recorded.

minari.py     demonstrations as Minari datasets, one per seat
tables.py     metrics as CSV or Parquet
loggers.py    metrics in TensorBoard or W&B while a run trains
convert.py    from one to the other by address, for `socialrl convert`

Each needs an extra, named in its error where it is missing. Levels in other programs' text are read and
written by `socialrl_envs.level_texts`.
"""

import importlib
from types import ModuleType

from socialrl_envs.errors import SocialRLError


def need(module: str, extra: str, what: str) -> ModuleType:
    """A module of another package; raises SocialRLError, which names the extra, if it is not installed.

    what: what needs it, the first words of the error.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        missing = error.name or module
        raise SocialRLError(
            f"{what} needs {missing}, which is not installed", f"pip install 'socialrl[{extra}]'"
        ) from error
