"""What a parser knows of source text: where to cut it, and what is defined in it. For extraction children."""
