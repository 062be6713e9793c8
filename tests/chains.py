"""Tabular chains with exact solutions, against which losses and decisions are tested."""

from typing import NamedTuple

import numpy as np

GAMMA = 0.9


class Chain(NamedTuple):
    """move (S, A, S): where an action leads. ends (S, A): 1 where it ends the task. phi (S, A, K). policy (S,
    A).
    """

    move: np.ndarray
    ends: np.ndarray
    phi: np.ndarray
    policy: np.ndarray


def random_chain(
    seed: int, deterministic: bool = False, states: int = 5, actions: int = 3, cumulants: int = 2
) -> Chain:
    """A chain with a policy, drawn at random; deterministic in its moves and its policy, if wanted."""
    rng = np.random.default_rng(seed)
    move = rng.dirichlet(np.full(states, 0.5), (states, actions))
    policy = rng.dirichlet(np.ones(actions), states)
    if deterministic:
        move, policy = np.eye(states)[move.argmax(-1)], np.eye(actions)[policy.argmax(-1)]
    ends = np.zeros((states, actions))
    ends[rng.integers(states), rng.integers(actions)] = 1
    return Chain(move=move, ends=ends, phi=rng.normal(size=(states, actions, cumulants)), policy=policy)


def successor_features(chain: Chain, phi: np.ndarray) -> np.ndarray:
    """Psi (S, A, K) of the chain's policy, by solving its Bellman equation: Psi = Phi + gamma P Psi."""
    states, actions, cumulants = phi.shape
    onward = (chain.move * (1 - chain.ends)[..., None]).reshape(states * actions, states)
    step = (onward[:, :, None] * chain.policy[None]).reshape(states * actions, states * actions)
    psi = np.linalg.solve(np.eye(states * actions) - GAMMA * step, phi.reshape(states * actions, cumulants))
    return psi.reshape(phi.shape)


def occupancy(chain: Chain, steps: int) -> np.ndarray:
    """Discounted visits (S, A, S*A) after starting with (s, a): by running the chain forward, step
    by step.
    """
    states, actions = chain.ends.shape
    total = np.zeros((states, actions, states * actions))
    now = np.eye(states * actions).reshape(states, actions, states, actions)
    for step in range(steps):
        total += GAMMA**step * now.reshape(total.shape)
        arriving = np.einsum("xysa,sat->xyt", now * (1 - chain.ends), chain.move)
        now = arriving[..., None] * chain.policy
    return total


def values(chain: Chain, policy: np.ndarray, w: np.ndarray) -> np.ndarray:
    """V (S,) of another policy (S, A) for the reward Phi . w."""
    q = successor_features(chain._replace(policy=policy), chain.phi) @ w
    return np.sum(policy * q, axis=-1)


def optimal(chain: Chain, w: np.ndarray) -> np.ndarray:
    """A deterministic policy (S, A) that is optimal for the reward Phi . w, by policy iteration."""
    policy = np.full(chain.ends.shape, 1 / chain.ends.shape[1])
    for _ in range(100):
        q = successor_features(chain._replace(policy=policy), chain.phi) @ w
        better = np.eye(chain.ends.shape[1])[q.argmax(-1)]
        if np.array_equal(better, policy):
            break
        policy = better
    return policy


def soft_policy(chain: Chain, w: np.ndarray) -> np.ndarray:
    """The policy (S, A) that chooses in proportion to exp(Q) of its own Q for the reward Phi . w, by damped
    iteration.
    """
    policy = np.full(chain.ends.shape, 1 / chain.ends.shape[1])
    for _ in range(500):
        q = successor_features(chain._replace(policy=policy), chain.phi) @ w
        chosen = np.exp(q - q.max(-1, keepdims=True))
        policy = 0.5 * policy + 0.5 * chosen / chosen.sum(-1, keepdims=True)
    return policy
