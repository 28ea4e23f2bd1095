"""A BERT of a few thousand random weights that knows 30 words, and files of reviews."""

import csv
import json
from pathlib import Path

KNOWN = (
    "[PAD] [UNK] [CLS] [SEP] [MASK] a the it is was not very good bad fine poor great "
    "awful book film music player works broke i we love hate ##s ."
)
WORDS = KNOWN.split()
LONGEST = 32


def write_model(folder, **changes):
    """Write a tokenizer and a model without a head; return the folder."""
    import torch

    from decentralizepy.models.transformer import library

    Path(folder).mkdir(exist_ok=True)
    Path(folder, "vocab.txt").write_text("\n".join(WORDS))
    about = {"tokenizer_class": "BertTokenizer", "model_max_length": LONGEST}
    Path(folder, "tokenizer_config.json").write_text(json.dumps(about))
    sizes = {
        "vocab_size": len(WORDS),
        "hidden_size": 16,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "intermediate_size": 32,
        "max_position_embeddings": LONGEST,
    }
    with torch.random.fork_rng():
        torch.manual_seed(0)
        config = library().BertConfig(**{**sizes, **changes})
        library().BertModel(config).save_pretrained(folder)
    return str(folder)


def write_reviews(folder, **files):
    """Write CSV files of (text, stars), each named by a keyword; return the folder."""
    Path(folder).mkdir(exist_ok=True)
    for name, reviews in files.items():
        with Path(folder, f"{name}.csv").open(
            "w", newline="", encoding="utf-8"
        ) as file:
            writer = csv.writer(file)
            writer.writerow(["data_path", "label_name", "label_id"])
            writer.writerows((text, star, star - 1) for text, star in reviews)
    return str(folder)
