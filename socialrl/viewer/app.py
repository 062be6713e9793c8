"""The window of the viewer: events change the scene, and the scene is drawn when it has changed."""

import contextlib
import dataclasses
import threading
import time
from pathlib import Path

import pygame

from socialrl.record.replay import Replay
from socialrl.scene import Scene
from socialrl.scene.commands import press
from socialrl.scene.themes import find_theme
from socialrl.scene.what_if import Asked, Explain, WhatIf
from socialrl.viewer import files
from socialrl.viewer.frame import MAX_SIZE, MIN_SIZE, Layout, layout, paint
from socialrl.viewer.panel import click_panel, shown
from socialrl.viewer.panels import panels
from socialrl.viewer.panels.what_if import TITLE
from socialrl.viewer.window import Window
from socialrl_envs.errors import SocialRLError
from socialrl_envs.sprites import Real

CHECKED, EXPLAINED = pygame.event.custom_type(), pygame.event.custom_type()


def run(
    paths: list[Path],
    size: tuple[int, int] = (1280, 800),
    theme: str = "light",
    explain: Explain | None = None,
) -> None:
    """Shows the replays behind these paths until the window is closed. explain: answers what-if questions."""
    find_theme(theme)
    replays, names = files.read(paths)
    which, episode = files.opening(replays)
    scene = Scene(replays=replays, names=names, which=which, episode=episode, theme=theme)
    app = App(scene, size, explain)
    try:
        app.check()
        app.loop()
    finally:
        pygame.display.quit()


def _check(replays: tuple[Replay, ...]) -> None:
    """Posts an event with the result of the re-simulation of each replay, until the window is closed."""
    from socialrl.record.resimulation import resimulate  # imports jax, for which the window does not wait

    for which, replay in enumerate(replays):
        text = resimulate(replay).text
        if not pygame.display.get_init():
            return
        with contextlib.suppress(pygame.error):
            pygame.event.post(pygame.event.Event(CHECKED, which=which, text=text))


def _explain(explain: Explain, asked: Asked) -> None:
    """Posts an event with the answer to a question, or with what is in its way."""
    answer, trouble = None, ""
    try:
        answer = explain(asked)
    except SocialRLError as error:
        trouble = str(error)
    with contextlib.suppress(pygame.error):
        pygame.event.post(pygame.event.Event(EXPLAINED, asked=asked, answer=answer, trouble=trouble))


ASKING = "what if"  # the name of the thread that answers a question


class App(Window):
    """A window that shows a Scene and changes it by events. explain: answers what-if questions."""

    def __init__(self, scene: Scene, size: tuple[int, int] = (1280, 800), explain: Explain | None = None):
        hint = "--export out.gif or --export out.png works without one"
        super().__init__(size, MIN_SIZE, MAX_SIZE, (300, 30), hint)
        self.scene, self.explain = scene, explain
        self.scrubbing = False
        self.draw()

    def shown(self) -> Scene:
        return self.scene

    def picture(self, size: tuple[int, int]) -> pygame.Surface:
        return paint(self.scene, size)

    def title(self) -> str:
        return f"{self.scene.names[self.scene.which]} · episode {self.scene.episode + 1} · socialrl"

    @property
    def layout(self) -> Layout:
        return layout(self.size, self.scene)

    def handle(self, event: pygame.event.Event) -> None:
        """Changes the scene by one event."""
        super().handle(event)
        if event.type == pygame.KEYDOWN:
            self._press(event)
        elif event.type == pygame.MOUSEBUTTONDOWN and event.button == 1:
            self._click(event.pos)
        elif event.type == pygame.MOUSEBUTTONUP and event.button == 1:
            self.scrubbing = False
        elif event.type == pygame.MOUSEMOTION and self.scrubbing:
            self._scrub(event.pos[0])
        elif event.type == pygame.MOUSEWHEEL:
            self.scene = self.scene.at(self.scene.t - event.y)
        elif event.type == CHECKED:
            known = dict(self.scene.verdicts) | {event.which: event.text}
            self.scene = dataclasses.replace(self.scene, verdicts=tuple(sorted(known.items())))
        elif event.type == EXPLAINED:
            self._answer(WhatIf(event.asked, event.answer, event.trouble))

    def check(self) -> None:
        """Re-simulates all replays in the background; the results arrive as events."""
        threading.Thread(target=_check, args=(self.scene.replays,), daemon=True).start()

    @property
    def ticking(self) -> bool:
        return self.scene.playing

    def tick(self, now: Real) -> None:
        """Plays the steps that are due; after a long delay it goes on from now."""
        if not self.ticking:
            return
        pause = 1 / self.scene.speed
        if now - self.due > max(0.25, 2 * pause):
            self.due = now
        while self.scene.playing and self.due <= now:
            self.scene = self.scene.advanced()
            self.due += pause

    def _press(self, event: pygame.event.Event) -> None:
        shift = "shift+" if event.mod & pygame.KMOD_SHIFT else ""
        after = press(self.scene, shift + pygame.key.name(event.key))
        if after is None:
            self.running = False
        else:
            self._show(after)

    def _show(self, scene: Scene) -> None:
        if scene.playing and not self.scene.playing:
            self.due = time.monotonic() + 1 / scene.speed
        before, self.scene = self.scene.what_if, scene
        if scene.what_if is not None and scene.what_if is not before and scene.what_if.open:
            self._ask(scene.what_if.asked)

    def _answer(self, answered: WhatIf) -> None:
        """Shows an answer, unless something else has been asked since."""
        if self.scene.what_if is not None and self.scene.what_if.asked == answered.asked:
            self.scene = dataclasses.replace(self.scene, what_if=answered)

    def _ask(self, asked: Asked) -> None:
        """Has a question answered in the background, if that is possible, and shows the tab of what-if
        questions, unless it was asked in that of concepts.
        """
        tabs = [panel.title for panel in panels("tab")]
        if not asked.concept:
            self.scene = dataclasses.replace(self.scene, tab=tabs.index(TITLE))
        if self.explain is None:
            none = WhatIf(asked, trouble="no agent is at hand to go on; open the run by socialrl view")
            self.scene = dataclasses.replace(self.scene, what_if=none)
        else:
            about = (self.explain, asked)
            threading.Thread(target=_explain, args=about, daemon=True, name=ASKING).start()

    def _click(self, point: tuple[int, int]) -> None:
        where, window = self.layout, pygame.Rect((0, 0), self.size)
        for overlay in panels("overlay"):
            if shown(overlay, self.scene):
                self._show(click_panel(overlay, window, self.scene, point))
                return
        if where.head.collidepoint(point):
            self.scene = dataclasses.replace(self.scene, picker=True)
        elif where.foot.collidepoint(point):
            self.scrubbing = True
            self._scrub(point[0])
        self._click_tabs(point)
        for pane, board in zip(self.scene.panes, where.boards, strict=True):
            for panel in panels("main"):
                if board.collidepoint(point):
                    chosen = click_panel(panel, board, pane, point).chosen
                    self.scene = self.scene.of_seat(min(chosen, len(self.scene.replay.agents) - 1))

    def _click_tabs(self, point: tuple[int, int]) -> None:
        """Chooses the tab whose title is clicked, or hands the click to the one that is shown."""
        where = self.layout
        for number, (_, rect) in enumerate(where.titles):
            if rect.collidepoint(point):
                self.scene = dataclasses.replace(self.scene, tab=number)
        if where.tab_inner is not None and where.tab_inner.collidepoint(point):
            tab = where.titles[self.scene.tab % len(where.titles)][0]
            self._show(click_panel(tab, where.tab_inner, self.scene, point))

    def _scrub(self, x: Real) -> None:
        self.scene = self.scene.at(self.layout.timeline.step_at(x, self.scene.steps))
