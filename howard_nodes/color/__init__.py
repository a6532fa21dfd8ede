"""How colour is decided, and what the network sees of it."""
