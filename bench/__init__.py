"""`make bench`: the project's own measurements. `python -m bench NAME …` runs some of them."""
