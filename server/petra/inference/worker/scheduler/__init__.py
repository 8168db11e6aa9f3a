"""The decisions of continuous batching, without a model: what is admitted, shared, computed and kept."""
