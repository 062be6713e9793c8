"""The example of a world of another task: it is short, and keeps the contract of worlds."""

from pathlib import Path

from socialrl_envs import plugins
from socialrl_envs.conformance import check_world

EXAMPLE = Path(__file__).parent.parent / "examples" / "key_and_door.py"


def test_a_world_of_another_task_takes_sixty_lines_and_keeps_the_contract():
    assert len(EXAMPLE.read_text(encoding="utf-8").splitlines()) <= 60
    world = vars(plugins.load_file(EXAMPLE))["Config"](size=7, horizon=12).build()
    check_world(world, eager=False)
