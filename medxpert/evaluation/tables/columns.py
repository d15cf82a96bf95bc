"""What tables call directions and metrics."""

DIRECTIONS = {"image_to_text": "image → text", "text_to_image": "text → image"}
RECALLS = {f"R@{k}": f"recall@{k}" for k in (1, 5, 10)}
"""Column -> metric."""
LIKENESS = {"P@5": "label_precision@5", "P@10": "label_precision@10", "nDCG@10": "ndcg@10"}
"""Column -> metric."""
