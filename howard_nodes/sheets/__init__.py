"""Contact sheets, and the demo."""
