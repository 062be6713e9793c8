"""Times the recurrent IPPO of a JaxMARL checkout, unchanged but for its settings; started by
ppo_throughput.py, in an environment of its own. Prints JSON: for each number of seeds (compile seconds,
agent-steps per second, the same per CPU second), and the parameters.

    python benchmarks/jaxmarl_ippo.py CHECKOUT SETTINGS_AS_JSON
"""

import importlib.util
import json
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import ModuleType
from typing import Any

import jax
import jaxmarl  # pyright: ignore[reportMissingImports]
import yaml

from socialrl_envs.jaxmarl import JaxMarlEnv
from socialrl_envs.worlds import goal_cycle

NAME = "ippo_rnn_mpe"


def script(checkout: Path) -> tuple[ModuleType, dict[str, Any]]:
    """Their script, with nobody to log to, and its settings."""
    sys.modules["wandb"] = ModuleType("wandb")
    sys.modules["wandb"].log = lambda metrics: None  # pyright: ignore[reportAttributeAccessIssue]
    folder = checkout / "baselines" / "IPPO"
    spec = importlib.util.spec_from_file_location(NAME, folder / f"{NAME}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    settings = yaml.safe_load((folder / "config" / f"{NAME}.yaml").read_text())
    return module, settings | {"LR": float(settings["LR"])}  # YAML reads 5e-4 as text


def main() -> None:
    task = json.loads(sys.argv[2])
    module, settings = script(Path(sys.argv[1]))
    steps = task["updates"] * task["size"]["NUM_ENVS"] * task["size"]["NUM_STEPS"]
    settings |= task["size"] | {"TOTAL_TIMESTEPS": steps}
    world: Any = goal_cycle.Config(**task["world"]).build()
    levels = jax.jit(jax.vmap(world.sample_level))(jax.random.split(jax.random.key(0), task["levels"]))
    env = JaxMarlEnv(world, levels=levels, flatten=True, full_infos=False)
    jaxmarl.make = lambda name: env
    began = time.perf_counter()
    train = jax.jit(module.make_train(settings)).lower(jax.random.PRNGKey(0)).compile()
    compile_seconds = time.perf_counter() - began
    rows: dict[int, tuple[float, float, float]] = {}
    trained: list[Any] = []
    for seeds in task["seeds"]:
        keys = [jax.random.PRNGKey(seed) for seed in range(seeds)]
        taken: list[float] = []
        used: list[float] = []
        with ThreadPoolExecutor(seeds) as pool:
            for _ in range(task["repeats"]):
                began, cpu = time.perf_counter(), time.process_time()
                trained = list(pool.map(lambda key: jax.block_until_ready(train(key)), keys))
                taken.append(time.perf_counter() - began)
                used.append(time.process_time() - cpu)
        lived = seeds * steps * env.num_agents
        rows[seeds] = (compile_seconds, lived / min(taken), lived / min(used))
    params = trained[0]["runner_state"][0][0].params
    print(json.dumps({"rows": rows, "parameters": sum(leaf.size for leaf in jax.tree.leaves(params))}))


if __name__ == "__main__":
    main()
