"""Scripted policies, one file each: `act(world, state, seat, key) -> action`."""
