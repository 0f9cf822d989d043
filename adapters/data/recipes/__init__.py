"""Ways to make training examples, one file each."""
