"""What the tests share: launches, ports, toys, foreign classes, and bad networks."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LIMIT_S = 240
"""How long a test waits for what should come at once: a guard against hangs alone."""
