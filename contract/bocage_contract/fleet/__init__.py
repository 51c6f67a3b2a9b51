"""What boxes and console say to each other. Source: design, "Contract with the console"."""
