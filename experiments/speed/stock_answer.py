"""The five nearest cases of an image as a script finds them that somebody writes in an afternoon; see rows/cold.py.

$ python stock_answer.py RUN CHECKPOINT IMAGE [MODEL]
"""

import sys
from pathlib import Path

import faiss
import numpy as np
import open_clip
import pandas as pd
import torch
from PIL import Image

run, checkpoint, image = map(Path, sys.argv[1:4])
name = "ViT-B-32-quickgelu"
if len(sys.argv) > 4:  # a trial's small model, described beside its checkpoint
    name = sys.argv[4]
    open_clip.add_model_config(checkpoint.parent)
model, _, preprocess = open_clip.create_model_and_transforms(name)
state = torch.load(checkpoint, map_location="cpu")["state_dict"]
model.load_state_dict({key.removeprefix("model."): tensor for key, tensor in state.items()})
model.eval()
with torch.inference_mode():
    query = model.encode_image(preprocess(Image.open(image)).unsqueeze(0), normalize=True).numpy()
vectors = np.load(run / "both.npy")
cases = pd.read_parquet(run / "embeddings" / "train" / "cases.parquet")
index = faiss.IndexFlatIP(vectors.shape[1])
index.add(vectors)
scores, rows = index.search(query, 5)
for score, row in zip(scores[0], rows[0], strict=True):
    print(f"{score:.3f}", cases.study_id[row], cases.text[row], sep="\t")  # noqa: T201
