"""Whether what was acknowledged survives: a naive model to agree with, and a process to kill."""
