"""Train and test learners that decide at every step whether to follow another agent.

    import socialrl

    run = socialrl.run("experiments/coin_grid.py", first_seed=1000)
    agent = socialrl.load_agent(run, arm="psiphi", seed=0)
    step = agent.act(observation)
    scores = socialrl.evaluate(agent, "coin_grid")

What `__all__` lists is the public API, besides `socialrl.config` and the `Config` of each learner, protocol
and curriculum. Nothing heavy is imported before it is used.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from socialrl.api import Agent, Explanation, Run, evaluate, explain, export, load_agent, open_run, run

__version__ = "0.1.0"
__all__ = [
    "Agent",
    "Explanation",
    "Run",
    "evaluate",
    "explain",
    "export",
    "load_agent",
    "open_run",
    "run",
]


def __getattr__(name: str) -> Any:
    """The public names, imported when they are first asked for."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import socialrl.api

    value = vars(socialrl.api)[name]
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
