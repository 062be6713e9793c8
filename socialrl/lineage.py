"""Generations: lifetimes one after another, each of a learner with new parameters beside the agent that the
last lifetime made.

After the in-weights accumulation of Cook et al., NeurIPS 2024, arXiv 2406.00392. The last generation's novice
acts in the seats whose policy is `elder`; in the first generation they are empty. As the authors' code has
it, elders draw their actions, do not see the other seats, and become rarer over a lifetime, so that a novice
learns to go on without them. Unlike there, they are rarer by whole episodes, not by single steps, and each
seed is a lineage of its own: its elder is the novice of the same seed, not the best of all seeds, so that
seeds stay independent.
"""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Bool, Float32, Int32, Key, PyTree, UInt8

from socialrl.acting import Acting, AgentCarry, leaves_by_path, leaves_read, template_of
from socialrl.config import Arm, Experiment
from socialrl.types import (
    ActAs,
    ActOutput,
    Capability,
    Companions,
    ConceptBottleneck,
    Diagnostics,
    Experience,
    FewShot,
    ForceSource,
    Influence,
    Learner,
    Metrics,
    Offline,
    Overrides,
    RewardInference,
    Timestep,
    WarmStart,
)
from socialrl_envs.errors import SocialRLError
from socialrl_envs.presence import SCHEDULES
from socialrl_envs.struct import pytree, replace
from socialrl_envs.types import World

ELDER = "elder"  # the policy of the seats in which the last generation acts
Leaves = dict[str, Array]  # of a learner's state, by path


@pytree
class Lineage:
    """The state of a learner that lives in generations.

    novice: the learner's state in the present one. ancestors: what acting reads of its states at the end of
    the generations before, leaves (generations - 1, ...); rows from `generation` on mean nothing.
    generation: the number of the present one, from 0.
    """

    novice: PyTree
    ancestors: Leaves
    generation: Int32[Array, ""]


class Timeline:
    """When each generation lives, and who is there then; pure functions.

    starts, ends: environment steps before and at the end of each generation. Raises SocialRLError if nobody
    else lives in the world, or a lifetime has no steps.
    """

    def __init__(self, experiment: Experiment, arm: Arm, world: World):
        assert arm.generations is not None
        self.options, self.world, self.ends = arm.generations, world, experiment.ends_of(arm)
        self.starts = np.array([0, *self.ends[:-1]], np.int32)
        self.lifetimes = np.diff(self.starts, append=np.int32(self.ends[-1]))
        if not self.lifetimes.all():
            count, chunks = self.options.count, experiment.total_of(arm) // experiment.chunk_steps
            cure = f"at least --steps {count * experiment.chunk_steps}, or a smaller --chunk"
            raise SocialRLError(f"count: {count} lifetimes in {chunks} chunks", cure)
        spec = world.spec
        if not spec.coplayers:
            raise SocialRLError("nobody else lives in the world", "coplayers=(Seat(policy='elder'),)")
        self.coplayers = np.array(spec.coplayers, np.int32)
        self.elders = np.array([s for s in spec.coplayers if spec.seats[s].policy == ELDER], np.int32)

    def age(self, steps: Int32[Array, ""]) -> tuple[Int32[Array, ""], Int32[Array, ""]]:
        """(generation, age): the number of the generation that takes the next step, from 0, after so many
        steps, and how many of them it took.
        """
        generation = jnp.sum(steps >= self.starts[1:], dtype=jnp.int32)
        return generation, steps - jnp.asarray(self.starts)[generation]

    def share(self, generation: Int32[Array, ""], age: Int32[Array, ""]) -> Float32[Array, ""]:
        """The share of training episodes in which co-players are there, at this age."""
        if self.options.fade == 0:
            return jnp.float32(1.0)
        lifetime = jnp.asarray(self.lifetimes)[generation].astype(jnp.float32)
        return jnp.clip(1 - age.astype(jnp.float32) / (self.options.fade * lifetime), 0.0, 1.0)

    def attended(
        self, drawn: Overrides, generation: Int32[Array, ""], age: Int32[Array, ""], key: Key[Array, ""]
    ) -> Overrides:
        """The parameters of a training level, in which co-players may be absent."""
        there, usual = jax.random.uniform(key) < self.share(generation, age), self._presence(drawn)
        here = usual.at[self.coplayers].set(jnp.where(there, usual[self.coplayers], _NEVER))
        return self.founded(drawn | {"presence": here}, generation)

    def founded(self, drawn: Overrides, generation: Int32[Array, ""]) -> Overrides:
        """The parameters of a level, without elders in the first generation, which has none."""
        usual = self._presence(drawn)
        here = usual.at[self.elders].set(jnp.where(generation > 0, usual[self.elders], _NEVER))
        return dict(drawn) | {"presence": here}

    def _presence(self, drawn: Overrides) -> Float32[Array, "N 4"]:
        return jnp.asarray(drawn.get("presence", self.world.params.presence), jnp.float32)


class Generational:
    """One arm's learner as one that lives in generations; pure functions over a Lineage.

    learner: the Learner whose state is a Lineage; its Companions are the elders. timeline: of its life.
    Raises SocialRLError as Timeline does, and if the learner trains offline.
    """

    def __init__(self, experiment: Experiment, arm: Arm, world: World, learner: Learner):
        self.timeline, self.inner, spec = Timeline(experiment, arm, world), learner, world.spec
        self.options = self.timeline.options
        if learner.capability(Offline) is not None:
            raise SocialRLError("the learner trains offline", "leave its demonstrations out")
        template = template_of(arm.learner, spec, experiment.unroll_length, experiment.num_envs)
        self.read = leaves_read(arm.learner, spec, template, 0)
        self.acting = Acting(learner=learner, spec=spec, template=template, novice=0)
        self.shown = np.array([name not in spec.channels_of_others for name in spec.channels], np.uint8)
        self.learner = self._learner()

    def succeed(self, before: Lineage, born: Lineage) -> Lineage:
        """The next generation. before: the lineage at the end of the present one. born: a fresh one."""
        leaves = self._leaves(before.novice)
        ancestors = {
            name: stack.at[before.generation].set(leaves[name]) for name, stack in before.ancestors.items()
        }
        return Lineage(novice=born.novice, ancestors=ancestors, generation=before.generation + 1)

    def agent(self, state: Lineage, generation: int | None = None) -> Leaves:
        """What acting reads of the novice of a generation, counted from 1, as it was at its end; None: of the
        present one, as it is. Raises SocialRLError if it has not lived yet.
        """
        lived = int(state.generation) + 1
        number = lived if generation is None else generation
        if not 1 <= number <= lived:
            raise SocialRLError(f"generation {generation}", f"1 to {lived} have lived")
        return self._leaves(self.at(state, jnp.int32(number - 1)).novice)

    def at(self, state: Lineage, number: Int32[Array, ""]) -> Lineage:
        """The lineage as it was at the end of a generation that has lived, as far as acting reads it. number:
        of the generation, from 0.
        """
        row, present = jnp.minimum(number, self.options.count - 2), number == state.generation
        leaves = {
            name: jnp.where(present, leaf, state.ancestors[name][row])
            for name, leaf in self._leaves(state.novice).items()
        }
        return replace(state, novice=self.acting.state(leaves), generation=number)

    # the learner

    def _learner(self) -> Learner[Lineage]:
        agents = tuple(self.acting.spec.agents[seat] for seat in self.timeline.elders)
        company = Companions(agents=agents, initial_carry=self.initial_carry, act=self.act_elder)
        lifted = [found for one in self.inner.capabilities if (found := _lifted(one)) is not None]
        return Learner(
            init=self.init,
            act=self.act,
            update=self.update,
            initial_carry=self.inner.initial_carry,
            value_unit=self.inner.value_unit,
            sources=self.inner.sources,
            capabilities=(*lifted, company),
            alike=self.inner.alike,
        )

    def init(self, key: Key[Array, ""], unroll_length: int, num_envs: int) -> Lineage:
        """The first generation before its first step."""
        novice, rows = self.inner.init(key, unroll_length, num_envs), self.options.count - 1
        leaves = self._leaves(novice)
        return Lineage(
            novice=novice,
            ancestors={name: jnp.broadcast_to(x, (rows, *x.shape)) for name, x in leaves.items()},
            generation=jnp.int32(0),
        )

    def act(
        self, state: Lineage, carry: PyTree, timestep: Timestep, key: Key[Array, ""], explore: bool
    ) -> ActOutput:
        """What the present novice does."""
        return self.inner.act(state.novice, carry, timestep, key, explore)

    def update(self, state: Lineage, experience: Experience, key: Key[Array, ""]) -> tuple[Lineage, Metrics]:
        """The lineage after an update of the present novice; `generation` among the metrics counts from 1."""
        novice, metrics = self.inner.update(state.novice, experience, key)
        number = (state.generation + 1).astype(jnp.float32)
        return replace(state, novice=novice), metrics | {"generation": number}

    # the elders

    def initial_carry(self) -> AgentCarry:
        """What an elder keeps before its first step."""
        return self.acting.agent_carry()

    def act_elder(
        self,
        state: Lineage,
        carry: AgentCarry,
        observation: UInt8[Array, "V V C"],
        reward: Float32[Array, ""],
        first: Bool[Array, ""],
        key: Key[Array, ""],
    ) -> tuple[Int32[Array, ""], AgentCarry]:
        """Action and carry of an elder: what the last generation's novice does with the view, in which others
        are hidden, or with probability `noise` a random action.
        """
        last = jnp.maximum(state.generation - 1, 0)
        leaves = {name: stack[last] for name, stack in state.ancestors.items()}
        before, *seen = jax.tree.map(lambda x: x[None], (carry, self.alone(observation), reward, first))
        timestep = self.acting.timestep(before, *seen)
        slip, key = slipping(self.options.noise, len(self.acting.spec.actions), key)
        decision, memory = self.acting.act(leaves, before.memory, timestep, key, not self.options.greedy)
        action = decision.action[0] if slip is None else jnp.where(slip < 0, decision.action[0], slip)
        return action, AgentCarry(memory=jax.tree.map(lambda x: x[0], memory), action=action)

    def alone(self, views: UInt8[Array, "*batch V V C"]) -> UInt8[Array, "*batch V V C"]:
        """Views with the other seats hidden; as they are where seats have no channels of their own."""
        return views * self.shown

    def _leaves(self, state: PyTree) -> Leaves:
        """What acting reads of a learner's state, by path."""
        return {name: leaf for name, leaf in leaves_by_path(state).items() if name in self.read}


_NEVER = np.array(SCHEDULES["never"], np.float32)


def slipping(
    noise: float, actions: int, key: Key[Array, ""]
) -> tuple[Int32[Array, ""] | None, Key[Array, ""]]:
    """(slip, key): the random action that is taken instead of the own one, which it is with probability
    `noise`; -1 where the own one is taken, None if it always is; and a key to draw that one with.
    """
    if noise == 0:
        return None, key
    slip_key, action_key, key = jax.random.split(key, 3)
    action = jax.random.randint(action_key, (), 0, actions, jnp.int32)
    return jnp.where(jax.random.uniform(slip_key) < noise, action, -1), key


def _lifted(one: Capability) -> Capability | None:
    """A capability of a learner as that of its lineage: it concerns the present novice; None for one that a
    lineage has not.
    """
    match one:
        case Influence(influence=do):
            return Influence(influence=lambda state, *given: do(state.novice, *given))
        case Diagnostics(diagnose=do):
            return Diagnostics(diagnose=lambda state, *given: do(state.novice, *given))
        case ActAs(act_as=do):
            return ActAs(act_as=lambda state, *given: do(state.novice, *given))
        case ForceSource(force=do):
            return ForceSource(force=lambda state, *given: do(state.novice, *given))
        case RewardInference(infer_rewards=do):
            return RewardInference(infer_rewards=lambda state, *given: do(state.novice, *given))
        case ConceptBottleneck(read=do, intervene=put):
            return dataclasses.replace(
                one,
                read=lambda state, *given: do(state.novice, *given),
                intervene=lambda state, *given: put(state.novice, *given),
            )
        case FewShot(adapt=do):
            return FewShot(adapt=lambda state, *given: replace(state, novice=do(state.novice, *given)))
        case WarmStart(warm_start=do):
            return WarmStart(
                warm_start=lambda trained, fresh: replace(trained, novice=do(trained.novice, fresh.novice))
            )
        case _:
            return None
