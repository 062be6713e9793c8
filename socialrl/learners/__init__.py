"""Learners, one file each: `Config.build(spec) -> Learner`."""
