"""Tests of psiphi: which parameters each loss trains, masks at the end of an episode and for absent seats,
and adaptation of preferences from few rewards.
"""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from socialrl.learners._batches import SequenceBatch
from socialrl.learners._heads import HeadFns
from socialrl.learners._psiphi_losses import Outputs
from socialrl.learners._sequences import others_steps
from socialrl.learners.dqn import own_loss
from socialrl.learners.psiphi import PsiPhi
from tests.learners.lab import Scrambled, lab, same, small, train

# loss -> what of (own values, own psi, the others' psi, phi, own w, the others' w) it may teach
REACH = {
    "reward": (0, 0, 0, 1, 1, 0),
    "td": (1, 0, 0, 0, 0, 0),
    "relabelled": (1, 0, 0, 0, 0, 0),
    "successor": (0, 1, 0, 0, 0, 0),
    "cloning": (0, 0, 1, 0, 0, 1),
    "inverse_td": (0, 0, 0, 1, 0, 0),
    "others": (0, 0, 1, 0, 0, 0),
    "off_policy": (0, 0, 1, 0, 0, 0),
    "phi_penalty": (0, 0, 0, 1, 0, 0),
}


@pytest.fixture(scope="module")
def trained():
    """(lab, state, experience) of a psiphi without trust weights that has learnt a little."""
    of = lab("psiphi", trust=False)
    state, _, experience, _ = train(of, 4)
    return of, state, experience


@pytest.fixture(scope="module")
def parts(trained):
    return PsiPhi(small("psiphi", trust=False), trained[0].world.spec)


@pytest.fixture(scope="module")
def gradients(trained, parts):
    """Loss -> gradient of the parameters on one batch of experience; every loss that the learner reports."""
    return of_each_loss(parts, trained)


def of_each_loss(parts, trained):
    _, state, experience = trained
    rows = SequenceBatch(own=experience.own, others=experience.others)

    @jax.jit
    def all_of_them(params):
        def losses(params):
            metrics = parts.loss(params, state.target, rows, state.aux)[1]
            return {
                name.removeprefix("loss/"): value
                for name, value in metrics.items()
                if name.startswith("loss/")
            }

        return jax.jacrev(losses)(params)

    return {name: tree["params"] for name, tree in all_of_them(state.params).items()}


@pytest.mark.parametrize("loss", REACH)
def test_each_loss_teaches_what_it_should_and_nothing_else(trained, gradients, loss):
    sources, actions, cumulants = 3, 5, 3
    params = gradients[loss]
    psi = np.asarray(params["psi"]["Dense_0"]["kernel"]).reshape(-1, sources, actions, cumulants)
    values, phi, w = (
        *(np.asarray(params[name]["Dense_0"]["kernel"]) for name in ("value", "phi")),
        np.asarray(params["w"]),
    )
    reached = tuple(int(np.any(part != 0)) for part in (values, psi[:, 0], psi[:, 1:], phi, w[0], w[1:]))
    assert reached == REACH[loss]
    assert np.any(
        np.asarray(params["encoder"]["torso"]["Dense_0"]["kernel"]) != 0
    )  # all of them shape the torso


def test_every_loss_has_a_weight_and_a_test(gradients, parts):
    assert set(gradients) == set(REACH)
    assert {f"{name}_coef" for name in gradients} <= {f.name for f in dataclasses.fields(parts.config)}
    assert set(gradients) | {"prediction"} == set(parts.losses.coefs)


def test_strangers_do_not_shape_what_is_shared(trained):
    """With trust weights, an agent that is not known to be useful is still modelled, but teaches neither
    torso nor Phi; and without anybody who is, the torso is that of a learner of one's own values.
    """
    assert not np.any(
        np.asarray(trained[1].aux.peers.peer_weight)
    )  # nobody was judged: that learner has no trust weights
    closed = of_each_loss(PsiPhi(small("psiphi", trust=True), trained[0].world.spec), trained)
    torso = {name: np.asarray(tree["encoder"]["torso"]["Dense_0"]["kernel"]) for name, tree in closed.items()}
    phi = {name: np.asarray(tree["phi"]["Dense_0"]["kernel"]) for name, tree in closed.items()}
    for name in ("cloning", "inverse_td", "others", "off_policy", "relabelled"):
        assert not np.any(torso[name]), name
        assert not np.any(phi[name]), name
    for name in ("reward", "successor", "phi_penalty"):
        assert not np.any(torso[name]), name
    assert np.any(torso["td"])
    assert np.any(phi["reward"])
    assert np.any(np.asarray(closed["cloning"]["psi"]["Dense_0"]["kernel"]))


def test_beside_strangers_it_learns_as_dqn_does(trained):
    """Torso and own values get the gradient that dqn gives them on the same steps."""
    of, state, experience = trained
    rows, spec = SequenceBatch(own=experience.own, others=experience.others), of.world.spec
    lone = HeadFns(small("dqn"), spec)

    def as_dqn(tree):
        inner = tree["params"]
        return {"params": {"encoder": inner["encoder"], "head": inner["value"]}}

    closed = PsiPhi(small("psiphi", trust=True), spec)
    ours = as_dqn(
        jax.jit(jax.grad(closed.loss, has_aux=True))(state.params, state.target, rows, state.aux)[0]
    )
    theirs = jax.jit(jax.grad(lambda *trees: own_loss(lone, *trees, rows), has_aux=True))(
        as_dqn(state.params), as_dqn(state.target)
    )[0]
    assert jax.tree.structure(ours) == jax.tree.structure(theirs)
    for one, other in zip(jax.tree.leaves(ours), jax.tree.leaves(theirs), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-6)
        assert np.any(np.asarray(other) != 0)


def test_anothers_steps_count_for_ones_own_values_as_far_as_its_gate_is_open(trained, parts):
    experience = trained[2]
    steps = others_steps(SequenceBatch(own=experience.own, others=experience.others))
    time, n = steps.action.shape
    keys = jax.random.split(jax.random.key(0), 3)
    values, ahead = (jax.random.normal(key, (time, n, 5)) for key in keys[:2])
    phi, w = jax.random.normal(keys[2], (time, n, 5, 3)), jnp.array([1.0, -2.0, 0.5])
    psi, x = jnp.zeros((time, n, 1, 3, 5, 3)), jnp.zeros((time, n, 8))

    def with_trust(*trust, values=values):
        gate = jnp.tile(jnp.array(trust, jnp.float32), n // 2)
        return float(parts.losses.relabelled(steps, Outputs(psi, phi, x, values, psi, ahead), w, gate))

    assert with_trust(0.0, 0.0) == 0
    np.testing.assert_allclose(
        with_trust(0.5, 1.0), 0.5 * with_trust(1.0, 0.0) + with_trust(0.0, 1.0), rtol=1e-5
    )
    t = jnp.arange(time)[:, None], jnp.arange(n)[None]
    paid = jnp.einsum("tnk,k->tn", phi[(*t, steps.action)], w)
    right = paid + parts.config.gamma * steps.continuation * jnp.max(ahead, axis=-1)
    told = values.at[(*t, steps.action)].set(right)  # the values of who knows: no error is left
    assert with_trust(1.0, 1.0, values=told) < 1e-10


@pytest.fixture(scope="module")
def social(trained, parts):
    """(others, losses(others) -> numbers): the losses on the co-players' steps, for made-up successor
    features.
    """
    _, _, experience = trained
    shape = experience.others.action.shape
    time, n = shape[0], shape[1] * shape[2]
    keys = jax.random.split(jax.random.key(0), 4)
    psi, ahead = (jax.random.normal(key, (time, n, 3, 5, 3)) for key in keys[:2])
    phi, w = jax.random.normal(keys[2], (time, n, 5, 3)), jax.random.normal(keys[3], (3, 3))
    others = dataclasses.replace(
        experience.others,
        discount=jnp.ones(shape, jnp.float32),
        last=jnp.zeros(shape, bool),
        present=jnp.ones(shape, bool),
    )

    def losses(others):
        steps = others_steps(SequenceBatch(own=experience.own, others=others))
        return parts.losses.social(steps, w, psi, phi, ahead, jnp.ones(n, jnp.float32))[0]

    return others, jax.jit(losses)


def other_action(others, t):
    return dataclasses.replace(others, action=others.action.at[t].set((others.action[t] + 1) % 5))


def flag(others, t, **values):
    return dataclasses.replace(
        others, **{name: getattr(others, name).at[t].set(value) for name, value in values.items()}
    )


def test_the_next_action_bootstraps_within_an_episode_only(social):
    others, losses = social
    # The last step's action enters by itself only; hide that by its absence, and the step before it must
    # still know it.
    hidden = flag(others, -1, present=False)
    assert not same(losses(hidden)["others"], losses(others)["others"])
    ended = flag(others, -2, last=True)
    unknown = flag(ended, -1, present=False)
    np.testing.assert_array_equal(
        losses(unknown)["inverse_td"], losses(other_action(unknown, -1))["inverse_td"]
    )
    np.testing.assert_array_equal(losses(unknown)["others"], losses(other_action(unknown, -1))["others"])


def test_where_the_task_ended_there_is_nothing_to_bootstrap(social):
    """A terminated step counts although no action followed it, and what came next in the row is of another
    episode.
    """
    others, losses = social
    ended = flag(others, -2, last=True, discount=0.0)
    hidden = flag(ended, -1, present=False)
    np.testing.assert_array_equal(
        losses(hidden)["inverse_td"], losses(other_action(hidden, -1))["inverse_td"]
    )
    timed_out = flag(others, -2, last=True)
    assert not same(losses(ended)["inverse_td"], losses(timed_out)["inverse_td"])


def test_the_absent_are_not_cloned(social):
    others, losses = social
    hidden = flag(others, 1, present=False)
    for name, value in losses(hidden).items():
        np.testing.assert_array_equal(value, losses(other_action(hidden, 1))[name], err_msg=name)
    nobody = dataclasses.replace(others, present=jnp.zeros_like(others.present))
    for name, value in losses(nobody).items():
        assert value == 0, name


def test_adapt_finds_a_preference_exactly_if_rewards_are_linear_in_phi(trained):
    of, state, experience = trained
    parts = PsiPhi(small("psiphi", ridge=1e-6), of.world.spec)
    truth = jnp.array([1.0, -2.0, 0.5])
    own = experience.own
    time = own.reward.shape[0]
    flat = own.timestep.obs.reshape(time, -1, *of.world.spec.obs_shape)
    phi = parts.net.step(state.params, (), flat, own.timestep.first.reshape(time, -1))[2]
    taken = jnp.take_along_axis(phi, own.action.reshape(time, -1)[..., None, None], axis=2)[:, :, 0]
    reward = (taken @ truth).reshape(own.reward.shape)
    paid = dataclasses.replace(experience, own=dataclasses.replace(own, reward=reward))
    adapt = jax.jit(parts.adapt)
    fresh = dataclasses.replace(state, aux=jax.tree.map(jnp.zeros_like, state.aux))
    after = adapt(fresh, paid, jax.random.key(0))
    np.testing.assert_allclose(after.params["params"]["w"][0], truth, rtol=0.02, atol=0.02)
    np.testing.assert_array_equal(after.params["params"]["w"][1:], state.params["params"]["w"][1:])
    kept = {name: leaf for name, leaf in after.params["params"].items() if name != "w"}
    assert same(kept, {name: leaf for name, leaf in state.params["params"].items() if name != "w"})
    key, timestep = jax.random.key(1), jax.tree.map(lambda leaf: leaf[0], own.timestep)
    carry = of.learner.initial_carry(*timestep.first.shape)
    values = of.learner.act(after, carry, timestep, key, False).decision.values[..., 0, :]
    psi = parts.net.step(after.params, (), flat[:1], own.timestep.first.reshape(time, -1)[:1])[1][0, :, 0, 0]
    np.testing.assert_allclose(
        values.reshape(-1, 5), psi @ after.params["params"]["w"][0], rtol=1e-4, atol=1e-5
    )
    twice = adapt(after, paid, jax.random.key(0))  # more of the same evidence changes nothing, up to rounding
    np.testing.assert_allclose(twice.params["params"]["w"], after.params["params"]["w"], rtol=0.01, atol=0.01)


def test_an_ensemble_with_trust_weights_learns_and_sees_no_rewards_of_others():
    options = {"trust": True, "trust_steps": 50, "ensemble": 2, "lower_confidence_coef": 1.0}
    of = lab("psiphi", **options)
    state, _, _, metrics = train(of, 4)
    assert all(np.isfinite(value) for value in metrics.values())
    assert {"trust/1", "trust/2"} <= set(metrics)
    assert np.all(np.asarray(state.aux.peers.peer_weight) > 0)
    other, _, _, _ = train(lab("psiphi", task=Scrambled, **options), 4)
    assert same(state, other)
    members = np.asarray(state.params["params"]["psi"]["Dense_0"]["kernel"]).reshape(-1, 2, 3, 5, 3)
    assert not same(members[:, 0], members[:, 1])
