"""How pictures are drawn and put into words; lessons draw through `helpers.figures`."""
