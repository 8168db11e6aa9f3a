"""Model workers: one process a model, an OpenAI-compatible endpoint each.

The only place that imports llama_cpp and torch. A worker knows nothing of Petra's database, settings or
secrets: it is started with arguments, listens where it is told, and ends when its parent does.

`engine.py` is the seam: `app.py` speaks HTTP to whatever implements `ChatEngine` or `Embedder`.
"""
