"""What a step does with gradients: parameter groups, optimisers, schedule, moving average."""
