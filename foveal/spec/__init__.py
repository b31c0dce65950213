"""What a person may say: networks, preprocess and recipes as frozen values without torch."""
