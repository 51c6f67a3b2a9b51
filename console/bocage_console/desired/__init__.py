"""What each box is to be told: compiled, signed elsewhere, published."""
