"""Tasks, one file each: Config, sample_level, reset, step; what pays, when it ends, ground-truth
cumulants.
"""
