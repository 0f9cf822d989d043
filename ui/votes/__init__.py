"""What readers think of answers: kept, counted, and turned into training pairs and evaluation cases."""
