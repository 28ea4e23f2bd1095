"""Papers reproduced: what was run, which claims are tested, and what came out."""
