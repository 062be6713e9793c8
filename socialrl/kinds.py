"""The kind `source`, apart from the registry, for the learner that names sources among its options."""

from socialrl_envs.registry import Kind

SOURCE = Kind("source", "socialrl.sources", "socialrl.sources", "build")
