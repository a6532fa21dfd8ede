"""How good mattes are: cases, measures, rivals, and a page that shows it."""
