"""What needs more than a chapter's minute: one module a table, run by `python -m experiments.<name>`.

Each module describes its runs by plain settings and says what one run measures; `experiments.runner` runs them over
the cores, keeps what is done when it is stopped, and stores raw results beside the settings and the code's hash.
"""
