"""Several processes that train one model: how they meet, and what they exchange."""
