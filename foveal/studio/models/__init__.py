"""What the studio does with a trained model: predict, score, explain, export, serve, describe."""
