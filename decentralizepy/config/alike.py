"""What must be the same on all machines of a run, and what may differ."""

SECTIONS = (
    "DATASET",
    "OPTIMIZER_PARAMS",
    "TRAIN_PARAMS",
    "LR_SCHEDULER",
    "SHARING",
    "ATTACK",
)
LOCAL = {"train_dir", "test_dir", "images_dir", "device", "compile"}
"""Keys of these sections that may differ."""
