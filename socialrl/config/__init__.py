"""Experiments: a world, the arms that are compared in it, and how long they learn."""

from socialrl.config.arms import Arm, Generations, Partners
from socialrl.config.as_json import RENAMED, from_json, renamings, to_json, world_to_json
from socialrl.config.claims import SOURCES, Claim, with_sources
from socialrl.config.experiment import REPORTING, RESERVED, Experiment
from socialrl.config.files import RUN_FORMAT, RUN_VERSION, load_experiment, read_run_config

__all__ = [
    "RENAMED",
    "REPORTING",
    "RESERVED",
    "RUN_FORMAT",
    "RUN_VERSION",
    "SOURCES",
    "Arm",
    "Claim",
    "Experiment",
    "Generations",
    "Partners",
    "from_json",
    "load_experiment",
    "read_run_config",
    "renamings",
    "to_json",
    "with_sources",
    "world_to_json",
]
