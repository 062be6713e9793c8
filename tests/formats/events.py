"""Scalars as TensorBoard and W&B themselves find them in their files."""

import json
from collections import defaultdict
from pathlib import Path

IDENT = 7  # bytes before the first block of a W&B file
BLOCK = 32768


def read_events(path: Path) -> dict[str, dict[int, float]]:
    """{tag: {step: value}} of one TensorBoard run; a step that is there twice fails."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    found = EventAccumulator(str(path), size_guidance={"scalars": 0})
    found.Reload()
    tags = found.Tags()["scalars"]
    series = {tag: found.Scalars(tag) for tag in tags}
    for tag, events in series.items():
        steps = [event.step for event in events]
        assert steps == sorted(set(steps)), tag
    return {tag: {event.step: event.value for event in events} for tag, events in series.items()}


def read_wandb(path: Path) -> tuple[dict, list[dict]]:
    """(facts, rows) of a W&B file: who the run is, and its history."""
    from wandb.proto.wandb_internal_pb2 import Record

    facts, rows = {}, []
    for data in _records(path.read_bytes()):
        record = Record()
        record.ParseFromString(data)
        if record.HasField("run"):
            config = {item.key: json.loads(item.value_json) for item in record.run.config.update}
            facts = {"name": record.run.display_name, "group": record.run.run_group, "config": config}
        if record.HasField("history"):
            items = record.history.item
            rows.append(
                {item.key or "/".join(item.nested_key): json.loads(item.value_json) for item in items}
            )
    return facts, [{key: value for key, value in row.items() if not key.startswith("_")} for row in rows]


def _records(data: bytes) -> list[bytes]:
    """The records of a log in LevelDB's format: blocks of chunks, each a checksum, a length and a type."""
    found, parts, at = [], defaultdict(bytes), IDENT
    while at + 7 <= len(data):
        if BLOCK - at % BLOCK < 7:
            at += BLOCK - at % BLOCK
            continue
        length, kind = int.from_bytes(data[at + 4 : at + 6], "little"), data[at + 6]
        if at + 7 + length > len(data):
            break  # it is being written
        parts["now"] += data[at + 7 : at + 7 + length]
        at += 7 + length
        if kind in (1, 4):  # whole, or the last part
            found.append(parts.pop("now"))
    return found
