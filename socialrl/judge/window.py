"""The window of a judge: two clips side by side, in step, in the look of the viewer."""

import dataclasses
import time
from collections.abc import Callable

import pygame

from socialrl.feedback.comparisons import Choice
from socialrl.judge.session import Question, Session
from socialrl.scene import Scene
from socialrl.scene.themes import find_theme
from socialrl.viewer.paint import Brush, text_width
from socialrl.viewer.panels.world import PANEL
from socialrl.viewer.window import Window
from socialrl_envs.errors import SocialRLError
from socialrl_envs.sprites import Real, mix

MIN_SIZE, MAX_SIZE = (480, 320), (7680, 4320)
KEYS: tuple[tuple[str, str], ...] = (
    ("left", "the left one"),
    ("right", "the right one"),
    ("up", "they are equal"),
    ("down", "cannot tell"),
    ("space", "play again"),
    ("backspace", "back"),
    ("t", "light, dark"),
    ("esc", "stop"),
)
CHOICES: dict[str, Choice] = {"left": "left", "right": "right", "up": "tie", "down": "cannot_tell"}
WAIT = 0.6  # seconds before a clip begins to move, and at its end before it is still


@dataclasses.dataclass(frozen=True, kw_only=True)
class Look:
    """What the window shows. question: None at the end. left, right: the clips at the moment t, each a scene
    of its own. trouble: what keeps an answer from being written.
    """

    question: Question | None
    left: Scene | None
    right: Scene | None
    t: int
    number: int
    count: int
    annotator: str
    theme: str
    trouble: str = ""

    @property
    def steps(self) -> int:
        """The steps of the longer clip."""
        return max((scene.steps for scene in (self.left, self.right) if scene), default=0)


def run(session: Session, fps: Real = 4, size: tuple[int, int] = (1280, 800)) -> None:
    """Asks until the window is closed or all questions are answered."""
    window = JudgeWindow(session, fps, size)
    try:
        window.loop()
    finally:
        pygame.display.quit()


class JudgeWindow(Window):
    """A window that asks the questions of a session. fps: steps per second of the clips."""

    def __init__(
        self,
        session: Session,
        fps: Real = 4,
        size: tuple[int, int] = (1280, 800),
        clock: Callable[[], float] = time.monotonic,
    ):
        super().__init__(size, MIN_SIZE, MAX_SIZE, (400, 400), "--teacher boltzmann needs no screen")
        self.session, self.fps, self.clock = session, fps, clock
        self.theme, self.trouble = "light", ""
        self._ask()
        self.draw()

    def shown(self) -> Look:
        scenes = [scene and scene.at(self.t) for scene in self.scenes]
        return Look(
            question=self.session.question,
            left=scenes[0] and dataclasses.replace(scenes[0], theme=self.theme),
            right=scenes[1] and dataclasses.replace(scenes[1], theme=self.theme),
            t=self.t,
            number=self.session.number,
            count=self.session.count,
            annotator=self.session.annotator,
            theme=self.theme,
            trouble=self.trouble,
        )

    def picture(self, size: tuple[int, int]) -> pygame.Surface:
        return paint(self.shown(), size)

    def title(self) -> str:
        return f"judge · {self.session.annotator} · socialrl"

    @property
    def ticking(self) -> bool:
        return self.t < max((scene.steps for scene in self.scenes if scene), default=0)

    def tick(self, now: Real) -> None:
        """Plays the step that is due."""
        if self.ticking and now >= self.due:
            self.t += 1
            self.due = max(self.due + 1 / self.fps, now)

    def handle(self, event: pygame.event.Event) -> None:
        super().handle(event)
        if event.type == pygame.KEYDOWN:
            self._press(pygame.key.name(event.key))

    def _press(self, key: str) -> None:
        if key == "escape":
            self.running = False
        elif key == "t":
            self.theme = "dark" if self.theme == "light" else "light"
        elif key == "space":
            self._play()
        elif key == "backspace":
            self.session.back()
            self._ask()
        elif key in CHOICES and self.session.question is not None:
            self._answer(CHOICES[key])

    def _answer(self, choice: Choice) -> None:
        """Writes the answer; what the disk refuses is said, and the question stays."""
        try:
            self.session.answer(choice, round(1000 * (self.clock() - self.asked)))
        except SocialRLError as error:
            self.trouble = str(error)
            return
        self._ask()

    def _ask(self) -> None:
        """Shows the session's question from its first step."""
        question, library = self.session.question, self.session.library
        self.trouble = ""
        self.scenes: tuple[Scene | None, Scene | None] = (None, None)
        if question is not None:
            left, right = (
                Scene(replays=(library.shown(clip),), names=(clip.replay,), novice=clip.novice, clip=True)
                for clip in (question.left, question.right)
            )
            self.scenes = (left, right)
        self.asked = self.clock()
        self._play()

    def _play(self) -> None:
        self.t, self.due = 0, time.monotonic() + WAIT


def paint(look: Look, size: tuple[int, int]) -> pygame.Surface:
    """What a judge sees, as a new surface of this size in pixels."""
    surface = pygame.Surface(size, 0, 32)
    brush = Brush(surface, find_theme(look.theme), max(0.3, min(size[0] / 1280, size[1] / 800)))
    surface.fill(brush.theme.page)
    pad = brush.px(12)
    head = pygame.Rect(pad, 0, size[0] - 2 * pad, brush.px(60))
    foot = pygame.Rect(pad, size[1] - pad - brush.px(62), size[0] - 2 * pad, brush.px(62))
    middle = pygame.Rect(pad, head.bottom, head.width, max(2, foot.top - pad - head.bottom))
    _head(brush, head, look)
    _keys(brush, foot)
    if look.left is None or look.right is None:
        _end(brush, middle, look)
        return surface
    width = (middle.width - pad) // 2
    for number, (scene, word) in enumerate(((look.left, "left"), (look.right, "right"))):
        card = pygame.Rect(middle.left + number * (width + pad), middle.top, width, middle.height)
        _clip(brush, card, scene, word)
    return surface


def _head(brush: Brush, rect: pygame.Rect, look: Look) -> None:
    """The question, and how far the judge is."""
    done = (
        "all questions are answered"
        if look.question is None
        else f"question {look.number + 1} of {look.count}"
    )
    text = f"{look.annotator} · {done}"
    end = brush.text(text, (rect.right, rect.centery), 15, brush.theme.quiet, anchor="midright").left
    words, colour = "Which do you like better?", brush.theme.ink
    if look.left is not None:
        words += f" Watch {look.left.replay.mark_of(0, look.left.novice)}."
    if look.trouble:
        words, colour = look.trouble, brush.theme.penalty
    room = end - rect.left - brush.px(20)
    brush.text(words, (rect.left, rect.centery), 24, colour, anchor="midleft", width=room)
    track = pygame.Rect(rect.left, rect.bottom - brush.px(8), rect.width, brush.px(4))
    brush.box(track, brush.theme.line, 2)
    if look.number:
        brush.box(
            pygame.Rect(track.topleft, (track.width * look.number // look.count, track.height)),
            brush.theme.ink,
            2,
        )


def _clip(brush: Brush, card: pygame.Rect, scene: Scene, word: str) -> None:
    """One clip: the grid, and below it the key that prefers it and the steps that have passed."""
    brush.box(card, brush.theme.card)
    inner = card.inflate(-2 * brush.px(14), -2 * brush.px(14))
    low = brush.px(40)
    board = pygame.Rect(inner.left, inner.top, inner.width, max(1, inner.height - low))
    PANEL.draw(brush, board, scene)
    middle = inner.bottom - low // 2 + brush.px(4)
    cap = pygame.Rect(0, 0, brush.px(58), brush.px(28))
    cap.midleft = (inner.left, middle)
    brush.frame(cap, brush.theme.line, mix(brush.theme.card, brush.theme.line, 0.35), width=1, radius=6)
    brush.action(word, cap.center, 17, brush.theme.ink)
    text = f"step {scene.t} of {scene.steps}"
    left = brush.text(text, (inner.right, middle), 15, brush.theme.quiet, anchor="midright").left
    track = pygame.Rect(cap.right + brush.px(16), 0, left - cap.right - brush.px(32), brush.px(8))
    track.centery = middle
    brush.box(track, brush.theme.line, 4)
    if scene.t:
        seat = scene.replay.novices[scene.novice]
        done = pygame.Rect(
            track.topleft, (max(track.height, track.width * scene.t // scene.steps), track.height)
        )
        brush.box(done, scene.replay.colours[seat], 4)


def _keys(brush: Brush, rect: pygame.Rect) -> None:
    """All keys in a row, as wide as their words."""
    brush.box(rect, brush.theme.card)
    inner, gap = rect.inflate(-2 * brush.px(16), 0), brush.px(8)
    caps = [brush.px(80 if key == "backspace" else 56 if key == "space" else 34) for key, _ in KEYS]
    widths = [cap + gap + text_width(text, brush.px(14)) for cap, (_, text) in zip(caps, KEYS, strict=True)]
    between, left = max(gap, (inner.width - sum(widths)) // (len(KEYS) - 1)), inner.left
    for (key, text), width, room in zip(KEYS, caps, widths, strict=True):
        cap = pygame.Rect(left, 0, width, brush.px(24))
        cap.centery = rect.centery
        brush.frame(cap, brush.theme.line, mix(brush.theme.card, brush.theme.line, 0.35), width=1, radius=6)
        if key in CHOICES:
            brush.action(key, cap.center, 14, brush.theme.ink)
        else:
            brush.text(key, cap.center, 13, anchor="center", width=cap.width - 4)
        brush.text(text, (cap.right + gap, rect.centery), 14, anchor="midleft", width=inner.right - cap.right)
        left += room + between


def _end(brush: Brush, rect: pygame.Rect, look: Look) -> None:
    """Says that there is nothing more to ask."""
    brush.box(rect, brush.theme.card)
    brush.text("Thank you", (rect.centerx, rect.centery - brush.px(24)), 40, bold=True, anchor="center")
    text = f"{look.count} questions are answered. Backspace goes back, escape closes."
    brush.text(text, (rect.centerx, rect.centery + brush.px(24)), 18, brush.theme.quiet, anchor="center")
