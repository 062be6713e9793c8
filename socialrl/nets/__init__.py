"""Network parts that the learners share: torso, recurrent memory, heads, left-right symmetry."""
