"""The page that asks eight questions and recommends a plan."""
