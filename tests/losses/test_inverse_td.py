"""Inverse TD on tabular chains: from exact behaviour alone, the demonstrators' preferences are found.

Behaviour tells a reward up to its scale and to potential shaping, r(s, a) + gamma E c(s') - c(s) (Ng et al.,
1999); what is left besides these is compared.
"""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from socialrl.losses.policy import cloning_loss
from socialrl.losses.successor import expected_successor, successor_error
from tests.chains import GAMMA, random_chain, soft_policy, successor_features

STATES, ACTIONS, EVENTS, CUMULANTS, AGENTS, STEPS = 8, 3, 2, 3, 2, 4000


def f32(x):
    return jnp.array(x, jnp.float32)


@functools.cache
def learnt(seed, inverse_td):
    """(chain, true preferences (AGENTS, EVENTS), policies (AGENTS, S, A), rewards found (AGENTS, S, A)):
    cloning and inverse TD by gradient descent, in expectation over the exact policies."""
    rng = np.random.default_rng(seed)
    chain = random_chain(seed, states=STATES, actions=ACTIONS, cumulants=EVENTS)
    wanted = 0.5 * rng.normal(size=(AGENTS, EVENTS))  # small, for whoever is all but certain shows little
    policies = np.stack([soft_policy(chain, w) for w in wanted])
    phi, psi = (
        rng.normal(size=(STATES, ACTIONS, CUMULANTS)),
        rng.normal(size=(AGENTS, STATES, ACTIONS, CUMULANTS)),
    )
    start = tuple(f32(0.1 * x) for x in (phi, psi, 10 * rng.normal(size=(AGENTS, CUMULANTS))))
    phi, _, w = descend(start, f32(policies), f32(chain.move * (1 - chain.ends)[..., None]), inverse_td)
    return chain, wanted, policies, np.einsum("sac,kc->ksa", phi, w)


@functools.partial(jax.jit, static_argnames="inverse_td")
def descend(start, policies, onward, inverse_td):
    """(Phi, Psi, w) after STEPS of Adam on the losses of psiphi."""

    def of_agent(phi, psi, w, policy):
        logits = psi @ w
        every = jnp.arange(ACTIONS, dtype=jnp.int32)
        nats = jax.vmap(lambda a: cloning_loss(logits, jnp.full(STATES, a, jnp.int32)), out_axes=1)(every)
        ahead = jnp.einsum("sat,tc->sac", onward, expected_successor(psi, policy))  # ends are in `onward`

        def error(psi, phi):
            flat = (x.reshape(STATES * ACTIONS, CUMULANTS) for x in (psi, phi, ahead))
            psi, phi, bootstrap = flat
            return successor_error(psi, phi, jnp.full(STATES * ACTIONS, GAMMA, jnp.float32), bootstrap)

        into_phi, into_psi = error(jax.lax.stop_gradient(psi), phi), error(psi, jax.lax.stop_gradient(phi))
        return jnp.sum(policy * nats) + jnp.sum(into_psi**2) + inverse_td * jnp.sum(into_phi**2)

    def loss(params):
        phi, psi, w = params
        return jnp.sum(jax.vmap(of_agent, in_axes=(None, 0, 0, 0))(phi, psi, w, policies))

    optimiser = optax.adam(lambda count: 0.03 * (1 - count.astype(jnp.float32) / STEPS))

    def step(carry, _):
        params, state = carry
        updates, state = optimiser.update(jax.grad(loss)(params), state, params)
        return (optax.apply_updates(params, updates), state), None

    return jax.lax.scan(step, (start, optimiser.init(start)), length=STEPS)[0][0]


def preferences(chain, reward):
    """What of a reward (S, A) is linear in the events, apart from potential shaping."""
    shaping = GAMMA * chain.move * (1 - chain.ends)[..., None] - np.eye(STATES)[:, None]
    columns = np.concatenate([chain.phi, shaping], axis=-1).reshape(STATES * ACTIONS, -1)
    return np.linalg.lstsq(columns, reward.reshape(-1), rcond=None)[0][:EVENTS]


def cosine(a, b):
    return float(a @ b / np.linalg.norm(a) / np.linalg.norm(b))


@pytest.mark.parametrize("seed", range(3))
def test_preferences_are_recovered_up_to_scale(seed):
    chain, wanted, _, rewards = learnt(seed, 1.0)
    for true, reward in zip(wanted, rewards, strict=True):
        assert cosine(preferences(chain, reward), true) > 0.999


@pytest.mark.parametrize("seed", range(3))
def test_the_rewards_found_lead_to_the_behaviour_that_was_shown(seed):
    chain, _, policies, rewards = learnt(seed, 1.0)
    for policy, reward in zip(policies, rewards, strict=True):
        q = successor_features(chain._replace(policy=policy), reward[..., None])[..., 0]
        np.testing.assert_allclose(jax.nn.softmax(f32(q)), policy, atol=0.01)


def test_without_inverse_td_the_cumulants_know_nothing_of_it():
    found = [learnt(seed, 0.0) for seed in range(3)]
    cosines = [
        cosine(preferences(c, r), t)
        for c, wanted, _, rewards in found
        for t, r in zip(wanted, rewards, strict=True)
    ]
    assert np.mean(cosines) < 0.5
