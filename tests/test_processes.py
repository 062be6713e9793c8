"""What processes tell each other; between two real ones in test_devices."""

import jax
import numpy as np
import pytest

from socialrl import processes
from socialrl_envs.errors import SocialRLError


@pytest.mark.parametrize("address", ["node1", "node1:12", "node1:12,2", "node1:12,2,2", "a b:1,2,0"])
def test_an_address_that_is_none_is_refused(address):
    with pytest.raises(SocialRLError, match="not HOST:PORT,PROCESSES,PROCESS"):
        processes.join(address)


def test_one_process_alone_agrees_with_itself():
    assert processes.first()
    assert processes.agreed(lambda: "runs/a/001") == "runs/a/001"
    assert processes.anywhere(True)
    assert not processes.anywhere(False)

    def refuses():
        raise SocialRLError("runs/a: in use", "wait")

    with pytest.raises(SocialRLError) as error:
        processes.agreed(refuses)
    assert (error.value.message, error.value.hint) == ("runs/a: in use", "wait")


def test_trees_go_out_as_bytes_and_come_back_as_they_were():
    leaves = [np.arange(6, dtype=np.int8).reshape(2, 3), np.float32(0.1), np.zeros((0, 4)), np.array([True])]
    sent = np.concatenate([processes._bytes(leaf) for leaf in leaves])
    for back, leaf in zip(processes._cut(sent, leaves), leaves, strict=True):
        assert (back.dtype, back.shape) == (leaf.dtype, leaf.shape)
        np.testing.assert_array_equal(back, leaf)


def test_on_the_host_keys_stay_keys():
    tree = {"key": jax.random.key(3), "x": jax.numpy.ones(2, jax.numpy.float32)}
    (found,) = processes.gathered(tree)
    assert isinstance(found["x"], np.ndarray)
    np.testing.assert_array_equal(jax.random.key_data(found["key"]), jax.random.key_data(tree["key"]))
