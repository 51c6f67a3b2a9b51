"""How a box is let into the fleet."""
