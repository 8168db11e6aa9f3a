"""Text at the cursor: what a model that fills in the middle is asked, and what of its answer is shown.

`completing` and `elsewhere` ask others; all other files are pure.
"""
