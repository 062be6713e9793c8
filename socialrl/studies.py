"""Evaluation of the trained arms of a run by protocols, from their last checkpoints."""

from collections.abc import Iterator, Sequence
from typing import Any

from tqdm.auto import tqdm

from socialrl.assemble import assemble
from socialrl.coerce import construct
from socialrl.config import Arm, Experiment
from socialrl.devices import Devices
from socialrl.protocols import EvaluationProtocol, Study
from socialrl.record import checkpoint
from socialrl.record.folder import RunFolder
from socialrl.record.labels import Labels
from socialrl.record.metrics import Records
from socialrl.registry import PROTOCOL
from socialrl_envs.errors import SocialRLError, unknown


def evaluate(
    experiment: Experiment,
    folder: RunFolder,
    arms: Sequence[str],
    protocol: EvaluationProtocol,
    seeds: int,
    phases: bool = False,
    devices: Devices | None = None,
) -> None:
    """Runs the protocol for arms of a run; its results replace earlier ones of the same protocol.

    The records of each arm are written atomically. arms: names; all if empty. seeds: how many of the run's
    seeds, from the first. phases: whether to measure every checkpoint that is kept, or the last alone.
    devices: None takes the first one. Before anything is computed, SocialRLError is raised for an unknown
    arm, an arm without a checkpoint or one that cannot act in the world, and if the protocol measures nothing
    in any arm.
    """
    records = Records(folder.metrics)
    studies = {
        arm.name: restored(experiment, arm, folder, seeds, None, devices) for arm in chosen(experiment, arms)
    }
    totals = {name: protocol.count(study) for name, (study, _) in studies.items()}
    if not any(totals.values()):
        raise SocialRLError(
            f"{protocol.kind}: nothing to measure in {', '.join(studies)}", f"it needs {protocol.needs}"
        )
    for arm in chosen(experiment, arms):
        name, total = arm.name, totals[arm.name]
        if not total:
            print(f"{name}: {protocol.kind} measures nothing here; it needs {protocol.needs}")
            continue
        found: list[dict[str, Any]] = []
        for step in checkpoint.steps(folder.checkpoints(name)) if phases else (studies[name][1],):
            last = step == studies[name][1]
            study = studies[name][0] if last else restored(experiment, arm, folder, seeds, step, devices)[0]
            title = f"{name}, step {step:,}" if phases else name
            with tqdm(
                protocol.run(study), total=total, desc=title, unit=" conditions", dynamic_ncols=True
            ) as bar:
                head = {"arm": name, "kind": protocol.kind, "step": step}
                found += [
                    head | {"labels": one.to_json(), "values": values} for one, values in shown(bar, study)
                ]
        records.replace(name, protocol.kind, found)


def shown(bar: tqdm, study: Study) -> Iterator[tuple[Labels, dict[str, Any]]]:
    """(labels, arrays over seeds by name) of each condition, in the protocol's order.

    The bar shows the mean return of the latest condition, or of its first measure if it has no return.
    """
    for labels, values in bar:
        numbers = dict(sorted(study.seeds.values(values).items()))
        head = numbers.get("return", next(iter(numbers.values())))
        bar.set_postfix_str(f"{' '.join(map(str, labels.to_json().values()))}: {head.mean():.2f}")
        yield labels, numbers


def chosen(experiment: Experiment, names: Sequence[str]) -> list[Arm]:
    """The arms of these names, or all arms without names; raises SocialRLError for an unknown one."""
    arms = {arm.name: arm for arm in experiment.arms}
    for name in names:
        if name not in arms:
            raise unknown("arm", name, arms)
    return [arms[name] for name in dict.fromkeys(names)] if names else list(arms.values())


def restored(
    experiment: Experiment,
    arm: Arm,
    folder: RunFolder,
    seeds: int,
    step: int | None = None,
    devices: Devices | None = None,
) -> tuple[Study, int]:
    """(study, step) of the arm's checkpoint of this step, or its last; the study has the first `seeds` of its
    seeds.
    """
    if not 1 <= seeds <= experiment.seeds:
        raise SocialRLError(f"--seeds: {seeds}", f"the run has {experiment.seeds}")
    made = assemble(experiment, arm)
    training, found = made.restored(folder.path, folder.checkpoints(arm.name), step)
    return made.study(training[:seeds], devices, folder.path), found


def protocol_of(experiment: Experiment, name: str = "social") -> EvaluationProtocol:
    """The experiment's protocol of this name, or if it has none one with default options."""
    kind = PROTOCOL.config(name)
    return next((one for one in experiment.protocols if isinstance(one, kind)), None) or construct(
        kind, f"protocol {name}"
    )
