"""Who can inherit from whom, and how: one module for each kind of block."""
