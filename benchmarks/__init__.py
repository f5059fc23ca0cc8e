"""Speed, as ratios to handwritten yardsticks that run in the same process in turn with what is measured."""
