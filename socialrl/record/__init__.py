"""The files of runs: folders, records, checkpoints, replays and demonstrations, all written atomically."""
