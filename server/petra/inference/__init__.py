"""Model endpoints: the client, the catalogue of models, and the workers that run them."""
