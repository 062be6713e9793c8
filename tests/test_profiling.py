"""What bounds training, from a trace."""

import gzip
import json

import jax
import jax.numpy as jnp
import pytest

from socialrl.profiling import Profile, part_of, read_profile, traced

PROGRAM = """
  %dot.1 = f32[8,8]{1,0} dot(%a, %b), metadata={op_name="jit(chunk)/while/body/update/jvp(Net)/dot_general"}
  ROOT while.2 = (f32[8]) while(%t), metadata={op_name="jit(chunk)/while" source_line=3}
  add.3 = f32[8] add(%a, %b), metadata={op_name="jit(chunk)/vmap(unroll)/while/body/act/add"}
  %gather.4 = f32[8] gather(%a, %b), metadata={op_name="jit(chunk)/unroll/while/body/gather"}
"""


def event(name, start, length, thread=1):
    args = {"hlo_op": name, "hlo_module": "jit_chunk"}
    return {"ph": "X", "pid": 1, "tid": thread, "ts": start, "dur": length, "name": name, "args": args}


def test_time_goes_to_the_innermost_operation_and_its_part(tmp_path):
    events = [
        {},
        {"ph": "M", "name": "process_name", "pid": 1, "args": {"name": "/host:CPU"}},
        {"ph": "X", "pid": 1, "tid": 1, "ts": 0, "dur": 500, "name": "ThunkExecutor::Execute"},
        event("while.2", 0, 100),
        event("dot.1", 0, 60),
        event("add.3", 60, 20),
        event("gather.4", 80, 10),
        event("gather.4", 150, 10, thread=2),
        event("unknown.5", 190, 10),
    ]
    file = tmp_path / "trace.json.gz"
    file.write_bytes(gzip.compress(json.dumps({"traceEvents": events}).encode()))
    found = read_profile(file, PROGRAM)
    shares = {"update": 60 / 110, "acting": 20 / 110, "worlds": 20 / 110, "the rest": 10 / 110}
    assert found.parts == pytest.approx(shares)
    assert found.products == pytest.approx(60 / 110)
    assert found.idle == pytest.approx(50 / 160)
    assert found.text().startswith("bound by update: update 55% of the computing (")
    assert found.text().endswith("matrix products 55%; idle 31% of 0.00 s")


def test_a_part_is_that_of_the_innermost_scope():
    assert part_of("jit(chunk)/unroll/while/body/act/dot_general") == "acting"
    assert part_of("jit(batched)/vmap(jit(chunk))/levels/sort") == "new levels"
    assert part_of("jit(chunk)/jvp(update)/mul") == "update"
    assert part_of("jit(chunk)/activate/mul") == "the rest"


def test_a_trace_of_a_real_program_is_read(tmp_path):
    @jax.jit
    def chunk(x):
        with jax.named_scope("update"):
            return jax.lax.fori_loop(0, 20, lambda _, y: jnp.tanh(y @ x), x)

    x = jnp.ones((64, 64), jnp.float32)
    program = chunk.lower(x).compile()
    file = tmp_path / "profile" / "arm.json.gz"
    with traced(file):
        program(x).block_until_ready()
    found = read_profile(file, program.as_text())
    assert found.parts["update"] > 0.5
    assert found.seconds > 0


def test_nothing_computed_is_said():
    assert "no operation" in Profile(parts={}, products=0.0, idle=0.0, seconds=0.0).text()
    waiting = Profile(parts={"update": 1.0}, products=0.2, idle=0.8, seconds=1.5)
    assert waiting.text().startswith("bound by waiting for the host: update 100%")
