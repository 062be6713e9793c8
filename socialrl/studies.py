"""Protocols on trained arms: the arms of a run, taken from their last checkpoints."""

from collections.abc import Iterator, Sequence
from typing import Any

from tqdm.auto import tqdm

from socialrl.assemble import assemble
from socialrl.coerce import construct
from socialrl.config import Arm, Experiment
from socialrl.protocols import EvaluationProtocol, Study
from socialrl.record.folder import RunFolder
from socialrl.record.labels import Labels
from socialrl.record.metrics import Records
from socialrl.registry import PROTOCOL
from socialrl_envs.errors import SocialRLError, unknown


def evaluate(
    experiment: Experiment, folder: RunFolder, arms: Sequence[str], protocol: EvaluationProtocol, seeds: int
) -> None:
    """Runs the protocol for these arms and records the results in the place of earlier ones, arm by arm.

    The records of an arm are written whole or not at all. arms: names; empty takes all. seeds: how many of
    the run's seeds, from the first. Raises SocialRLError for an unknown arm, one without a checkpoint, a
    world in which an arm cannot act, or if no arm has what the protocol measures: all before it computes.
    """
    records = Records(folder.metrics)
    studies = {arm.name: restored(experiment, arm, folder, seeds) for arm in chosen(experiment, arms)}
    totals = {name: protocol.count(study) for name, (study, _) in studies.items()}
    if not any(totals.values()):
        raise SocialRLError(
            f"{protocol.kind}: nothing to measure in {', '.join(studies)}", f"it needs {protocol.needs}"
        )
    for name, (study, step) in studies.items():
        if not totals[name]:
            print(f"{name}: {protocol.kind} measures nothing here; it needs {protocol.needs}")
            continue
        with tqdm(
            protocol.run(study), total=totals[name], desc=name, unit=" conditions", dynamic_ncols=True
        ) as bar:
            found = list(shown(bar, study))
        head = {"arm": name, "kind": protocol.kind, "step": step}
        records.replace(
            name,
            protocol.kind,
            [head | {"labels": labels.to_json(), "values": values} for labels, values in found],
        )


def shown(bar: tqdm, study: Study) -> Iterator[tuple[Labels, dict[str, Any]]]:
    """Labels and arrays per seed by name, as the protocol yields them.

    Behind the bar stands the mean return of each, or of its first measure where there is no return.
    """
    for labels, values in bar:
        numbers = dict(sorted(study.seeds.values(values).items()))
        head = numbers.get("return", next(iter(numbers.values())))
        bar.set_postfix_str(f"{' '.join(map(str, labels.to_json().values()))}: {head.mean():.2f}")
        yield labels, numbers


def chosen(experiment: Experiment, names: Sequence[str]) -> list[Arm]:
    """The arms of these names, all of them if none is given."""
    arms = {arm.name: arm for arm in experiment.arms}
    for name in names:
        if name not in arms:
            raise unknown("arm", name, arms)
    return [arms[name] for name in dict.fromkeys(names)] if names else list(arms.values())


def restored(experiment: Experiment, arm: Arm, folder: RunFolder, seeds: int) -> tuple[Study, int]:
    """A study of the first `seeds` seeds of the arm's last checkpoint, and the step of that checkpoint."""
    if not 1 <= seeds <= experiment.seeds:
        raise SocialRLError(f"--seeds: {seeds}", f"the run has {experiment.seeds}")
    made = assemble(experiment, arm)
    training, step = made.restored(folder.path, folder.checkpoints(arm.name))
    return made.study(training[:seeds]), step


def protocol_of(experiment: Experiment, name: str = "social") -> EvaluationProtocol:
    """The protocol of this name that the experiment lists among its own, else one with the defaults."""
    kind = PROTOCOL.config(name)
    return next((one for one in experiment.protocols if isinstance(one, kind)), None) or construct(
        kind, f"protocol {name}"
    )
