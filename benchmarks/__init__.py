"""Speed, as ratios to handwritten yardsticks that take turns with what is measured."""
