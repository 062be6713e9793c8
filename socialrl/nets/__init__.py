"""The torso that every learner shares, its memory, and heads."""
