"""From a Network value to its costs, its mistakes, its design and its torch module."""
