"""Learners, one file each: `Config.build(spec) -> Learner`. Files whose name begins with "_" are shared
parts.
"""
