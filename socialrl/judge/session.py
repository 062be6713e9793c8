"""A sitting of one annotator: which two clips are asked about next, and where the answers go."""

import dataclasses
from collections.abc import Sequence
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float32

from socialrl.feedback import bradley_terry, queries
from socialrl.feedback.clips import Clip, Library
from socialrl.feedback.comparisons import (
    PREFERRED,
    Answer,
    AnswerFile,
    Choice,
    Query,
    is_annotator,
    latest,
    now,
)
from socialrl_envs.errors import SocialRLError

DRAWS, CANDIDATES = 32, 256  # from the posterior, and pairs of clips of which one is chosen
REPEATED = 10  # every tenth question is one that was asked before, the other way round
SHARED = 5  # every fifth is one that others were asked
PRIOR_STD = 3.0  # of each weight, where clips' features have a spread of 1


@dataclasses.dataclass(frozen=True, kw_only=True)
class Question:
    """Two clips. number: among the annotator's questions, from 0. query: why these."""

    number: int
    left: Clip
    right: Clip
    query: Query


class Session:
    """The questions that one annotator is asked, and the answers.

    library: the replays. clips: of them, that are asked about. features: of each clip, for queries by
    disagreement; None asks at random. count: questions in all. seed: of random choices; a session that goes
    on later asks what it would have asked.
    """

    def __init__(
        self,
        library: Library,
        clips: Sequence[Clip],
        file: AnswerFile,
        annotator: str,
        count: int,
        features: Float32[np.ndarray, "clips K"] | None = None,
        seed: int = 0,
    ):
        if not is_annotator(annotator):
            raise SocialRLError(f"--annotator: {annotator!r}", "give a name of at most 64 characters")
        if len(clips) < 2:
            raise SocialRLError("there are not two clips to compare", "give a smaller --length")
        self.library, self.clips, self.file = library, tuple(clips), file
        self.annotator, self.count, self.seed = annotator, count, seed
        self.features = None if features is None else features / spread(features)
        self.number = next(n for n in range(count + 1) if n == count or n not in self.own)
        self.question = self._question()

    @property
    def own(self) -> dict[int, Answer]:
        """The annotator's answers that count, by the number of the question."""
        return {one.number: one for one in latest(self.file.answers) if one.annotator == self.annotator}

    @property
    def done(self) -> bool:
        """Whether all questions are answered."""
        return self.number >= self.count

    def answer(self, choice: Choice, reaction_ms: int) -> None:
        """Writes the answer to the question, and goes on to the next one without an answer."""
        question = self.question
        assert question is not None
        self.file.append(
            Answer(
                annotator=self.annotator,
                number=question.number,
                time=now(),
                reaction_ms=max(0, reaction_ms),
                query=question.query,
                left=question.left,
                right=question.right,
                answer=choice,
            )
        )
        own = self.own
        self.number = next(n for n in range(self.count + 1) if n == self.count or n not in own)
        self.question = self._question()

    def back(self) -> None:
        """Goes back to the question before, to answer it anew."""
        if self.number > 0:
            self.number -= 1
            self.question = self._question()

    def _question(self) -> Question | None:
        """The question of this number: as it was asked before, or a new one; None at the end."""
        if self.done:
            return None
        before = self.own.get(self.number)
        if before is not None and self.library.has(before.left) and self.library.has(before.right):
            return Question(number=self.number, left=before.left, right=before.right, query=before.query)
        if self.number % REPEATED == REPEATED - 1 and (again := self._repeat()):
            return again
        if self.number % SHARED == SHARED - 1 and (shared := self._shared()):
            return shared
        return self._new()

    def _key(self) -> jax.Array:
        """The key of this question, the same whenever it is asked."""
        letters = sum(ord(letter) * 31**i for i, letter in enumerate(self.annotator)) % 2**31
        return jax.random.fold_in(jax.random.fold_in(jax.random.key(self.seed), letters), self.number)

    def _repeat(self) -> Question | None:
        """An earlier question of the annotator, the other way round."""
        found = [
            one
            for one in self.own.values()
            if one.number < self.number - 2 and one.query != "repeat" and self._there(one)
        ]
        if not found:
            return None
        one = found[int(jax.random.randint(self._key(), (), 0, len(found)))]
        return Question(number=self.number, left=one.right, right=one.left, query="repeat")

    def _shared(self) -> Question | None:
        """The first question of others that the annotator was not asked yet."""
        known = {one.pair for one in self.own.values()}
        for one in latest(self.file.answers):
            if one.annotator != self.annotator and one.pair not in known and self._there(one):
                return Question(number=self.number, left=one.left, right=one.right, query="shared")
        return None

    def _there(self, one: Answer) -> bool:
        return self.library.has(one.left) and self.library.has(one.right)

    def _new(self) -> Question:
        """Two clips on which models disagree, or any two."""
        query: Query = "random" if self.features is None else "disagreement"
        if self.features is None:
            pair = _drawn(self._key(), len(self.clips))
        else:
            pair = _disagreed(self._key(), self.posterior(self.features), jnp.asarray(self.features))
        left, right = (self.clips[int(clip)] for clip in np.asarray(pair))
        return Question(number=self.number, left=left, right=right, query=query)

    def posterior(self, features: Float32[np.ndarray, "clips K"]) -> bradley_terry.Posterior:
        """What all answers say about the weights of these features of the clips."""
        return posterior(features, self.clips, self.file.answers)


def spread(features: Float32[np.ndarray, "clips K"]) -> np.float32:
    """The root mean square of the features about their means."""
    return np.float32(max(float(np.sqrt(np.mean((features - features.mean(axis=0)) ** 2))), 1e-6))


def posterior(
    features: Float32[np.ndarray, "clips K"], clips: Sequence[Clip], answers: Sequence[Answer]
) -> bradley_terry.Posterior:
    """What answers about these clips say about the weights of their features; others do not count."""
    return inferred(*compared(features, clips, answers))


def compared(
    features: Float32[np.ndarray, "clips K"], clips: Sequence[Clip], answers: Sequence[Answer]
) -> tuple[Float32[np.ndarray, "Q K"], Float32[np.ndarray, " Q"]]:
    """(difference, preferred) of the answers that count and are about these clips: the left clip's features
    less the right one's, and 1 for left, 0 for right, 0.5 for a tie.
    """
    place = {clip: number for number, clip in enumerate(clips)}
    known = [
        one
        for one in latest(answers)
        if one.answer != "cannot_tell" and one.left in place and one.right in place
    ]
    sides = np.array([[place[one.left], place[one.right]] for one in known], int).reshape(-1, 2)
    preferred = np.array([PREFERRED[one.answer] for one in known], np.float32)
    return features[sides[:, 0]] - features[sides[:, 1]], preferred


def inferred(
    difference: Float32[np.ndarray, "Q K"], preferred: Float32[np.ndarray, " Q"]
) -> bradley_terry.Posterior:
    """The posterior over weights of features after comparisons."""
    count = len(preferred)
    room = max(64, 2 ** count.bit_length()) - count  # a few sizes, each compiled once
    return _infer(
        np.pad(difference.astype(np.float32), ((0, room), (0, 0))),
        np.pad(preferred, (0, room)),
        np.pad(np.ones(count, np.float32), (0, room)),
    )


@partial(jax.jit, static_argnames="clips")
def _drawn(key: jax.Array, clips: int) -> jax.Array:
    """A pair of clips at random."""
    return queries.pairs(key, clips, 1)[0]


@jax.jit
def _disagreed(key: jax.Array, now: bradley_terry.Posterior, features: jax.Array) -> jax.Array:
    """The pair of clips, out of CANDIDATES, on which the posterior disagrees most."""
    draw_key, choose_key = jax.random.split(key)
    worth = now.samples(draw_key, DRAWS) @ features.T
    return queries.choose(worth, choose_key, CANDIDATES)[0]


@jax.jit
def _infer(difference: jax.Array, preferred: jax.Array, weight: jax.Array) -> bradley_terry.Posterior:
    return bradley_terry.infer(difference, preferred, weight, PRIOR_STD)
