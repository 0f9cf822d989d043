"""Studies: many short trainings that find out which settings pay, by Optuna."""
