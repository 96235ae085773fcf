"""Who can inherit from whom, and how: one module a kind of building block."""
