"""What the console knows: tables, how they are opened, and how they grew."""
