"""What starts from another model: its weights, the features of its layers, a head, fine-tuning."""
