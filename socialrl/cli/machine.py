"""The devices of this machine, and the packages of optional extras."""

import importlib
import os
from typing import Any


def choose_platform(platform: str | None) -> None:
    """Sets the platform on which JAX computes; call it before jax is imported."""
    if platform:
        os.environ["JAX_PLATFORMS"] = platform


def find_device(platform: str | None, cache: bool = True) -> str:
    """The kind and number of devices, e.g. "cpu x1 (2 cores)"; raises SocialRLError if there is none.

    cache: whether compiled programs are kept from now on, and those of earlier starts are used.
    """
    import jax

    from socialrl import programs
    from socialrl.devices import kind_and_number
    from socialrl_envs.errors import SocialRLError

    programs.keep_programs() if cache else programs.keep_none()

    try:
        devices = jax.devices()
    except (RuntimeError, AssertionError) as error:  # jax asserts where a plug-in is missing
        cure = (
            "install the extra: pip install 'socialrl[cuda]'" if platform == "cuda" else "unset JAX_PLATFORMS"
        )
        raise SocialRLError(
            f"--platform {platform}: jax finds no such device" if platform else f"jax: {error}", cure
        ) from error
    return kind_and_number(devices)


def with_extra(extra: str, module: str, command: str | None = None) -> Any:
    """A module that needs an extra; raises SocialRLError if a package of the extra is not installed.

    command: that needs it, None if it is called as the extra is.
    """
    from socialrl_envs.errors import SocialRLError

    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("socialrl"):
            raise
        raise SocialRLError(
            f"`socialrl {command or extra}` needs {error.name}, which is not installed",
            f"pip install 'socialrl[{extra}]'",
        ) from error
