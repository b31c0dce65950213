"""What a person is asked to look at: findings of the check, and images without a label."""
