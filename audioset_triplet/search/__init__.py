"""Search over stores of embeddings."""
