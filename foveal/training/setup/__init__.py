"""Everything before the first step: request, data, defaults, first weights, timing, budget."""
