"""llama.cpp: the only rooms of the house where its functions are called."""
