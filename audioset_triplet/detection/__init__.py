"""From ratings to detections: heads on stored embeddings, how good they are, and the events that they find."""
