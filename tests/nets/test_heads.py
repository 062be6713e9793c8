"""Heads and torso: shapes, dtypes, scale."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from socialrl.nets.heads import Prediction, SmallDense
from socialrl.nets.torso import Torso


@pytest.mark.parametrize("shape", [(4,), (2, 3), (3, 5, 7)])
@pytest.mark.parametrize("batch", [(), (6,), (2, 6)])
def test_a_head_shapes_its_outputs(shape, batch):
    x = jnp.ones((*batch, 8))
    out, params = SmallDense(shape).init_with_output(jax.random.key(0), x)
    assert out.shape == (*batch, *shape)
    assert out.dtype == jnp.float32
    assert params["params"]["Dense_0"]["kernel"].shape == (8, int(np.prod(shape)))


@pytest.mark.parametrize("gain", [0.1, 1.0])
def test_gain_is_the_scale_of_its_outputs(gain):
    x = jax.random.normal(jax.random.key(1), (64, 256))
    out, _ = SmallDense((512,), gain).init_with_output(jax.random.key(0), x)
    np.testing.assert_allclose(np.std(out), gain, rtol=0.1)


def test_prediction_has_the_shape_of_a_view_and_depends_on_the_action():
    x = jax.random.normal(jax.random.key(1), (2, 5, 8))
    head = Prediction((3, 3, 4), 6)
    out, params = head.init_with_output(jax.random.key(0), x, jnp.zeros((2, 5), jnp.int32))
    assert out.shape == (2, 5, 3, 3, 4)
    other = head.apply(params, x, jnp.ones((2, 5), jnp.int32))
    assert not np.allclose(out, other)


@pytest.mark.parametrize("batch", [(), (4,), (2, 4)])
def test_the_torso_flattens_views(batch):
    obs = jax.random.bernoulli(jax.random.key(1), 0.5, (*batch, 3, 3, 2)).astype(jnp.uint8)
    net = Torso((16, 8))
    out, params = net.init_with_output(jax.random.key(0), obs)
    assert out.shape == (*batch, 8)
    assert np.all(out >= 0)
    assert params["params"]["Dense_0"]["kernel"].shape == (18, 16)
    np.testing.assert_allclose(net.apply(params, obs.reshape(-1, 3, 3, 2)), out.reshape(-1, 8), rtol=1e-5)


def test_convolutions_of_cells_are_convolutions():
    """As XLA's: one of a cell with its stride, one of 3 x 3 cells with zeros beside the view."""
    obs = jax.random.randint(jax.random.key(1), (2, 6, 6, 3), 0, 256).astype(jnp.uint8)
    net = Torso((5,), filters=(4, 3), highs=(255, 255, 255), pixels=2)
    out, params = net.init_with_output(jax.random.key(0), obs)
    layers = [params["params"][f"Dense_{i}"] for i in range(3)]
    x, sides = obs.astype(jnp.float32) / 255, ((2, 3, 4), (3, 4, 3))
    for layer, (side, inputs, size), stride, padding in zip(
        layers, sides, (2, 1), ("VALID", "SAME"), strict=False
    ):
        kernel = layer["kernel"].reshape(side, side, inputs, size)
        axes = ("NHWC", "HWIO", "NHWC")
        x = jax.lax.conv_general_dilated(x, kernel, (stride, stride), padding, dimension_numbers=axes)
        x = jax.nn.relu(x + layer["bias"])
    expected = jax.nn.relu(x.reshape(2, -1) @ layers[2]["kernel"] + layers[2]["bias"])
    np.testing.assert_allclose(out, expected, rtol=1e-4, atol=1e-5)
