"""The pages of the docs agree with the code, their code runs, and their pictures are what is drawn today."""

import dataclasses
import re
from pathlib import Path

import jax
import numpy as np
import pytest
from PIL import Image

import socialrl_envs
from socialrl_envs import gallery
from socialrl_envs.picture import in_view
from tests.envs.playing import play

DOCS = Path(__file__).parents[2] / "docs"
CURE = "python -m socialrl_envs.gallery"


@pytest.mark.parametrize("name", socialrl_envs.names())
def test_the_committed_page_and_picture_are_up_to_date(name):
    assert (DOCS / "worlds" / f"{name}.md").read_text(encoding="utf-8") == gallery.page(name), CURE
    path = DOCS / "worlds" / f"{name}.png"
    committed = np.asarray(Image.open(path).convert("RGB")).astype(int)
    drawn = gallery.picture(*gallery.sample(name)[:2])
    assert committed.shape == drawn.shape, CURE
    assert np.abs(committed - drawn).max() <= 3, CURE
    assert path.stat().st_size < 60_000


def test_the_list_of_pages_is_up_to_date():
    assert (DOCS / "README.md").read_text(encoding="utf-8") == gallery.contents(), CURE


@pytest.mark.parametrize("name", socialrl_envs.names())
def test_the_code_on_a_page_runs(name, capsys):
    snippets = re.findall(r"```python\n(.*?)```", gallery.SNIPPETS.format(name=name), re.DOTALL)
    assert len(snippets) == 2
    for snippet in snippets:
        exec(compile(snippet, name, "exec"), {})
    said = capsys.readouterr().out
    assert "novice_0" in said
    assert "expert_1" in said


@pytest.mark.parametrize("name", socialrl_envs.names())
def test_every_option_is_explained(name):
    rows = gallery.options(socialrl_envs.registry.world_config(name)).splitlines()[2:]
    assert len(rows) == len(dataclasses.fields(socialrl_envs.registry.world_config(name)))
    for row in rows:
        assert not row.endswith("|  |"), row


@pytest.mark.parametrize("layout", ["open", "cluttered", "maze"])
def test_what_is_shown_as_seen_is_what_the_views_show(layout):
    world = socialrl_envs.make("goal_cycle", layout=layout, size=11, view=5)
    _, (states, *_) = play(world, 4, 12)
    views = np.asarray(jax.jit(jax.vmap(jax.vmap(world.observe)))(states))
    unseen, goal = (world.spec.channels.index(channel) for channel in ("unseen", "goal"))
    for episode, time in np.ndindex(4, 12):
        state = jax.tree.map(lambda x, where=(episode, time): np.asarray(x)[where], states)
        for seat in range(3):
            mask, view = in_view(world.picture(state), seat, world.spec.view), views[episode, time, seat]
            assert mask.sum() <= (view[..., unseen] == 0).sum()  # the rest lies beyond the border
            assert (mask & (state.level.tiles >= 10)).sum() == view[..., goal].sum()
