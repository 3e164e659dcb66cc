"""An audit of an encoder's bias, and the report that it writes.

A figure is of use to a reviewer with what harm it stands for, over what it counts, its interval, its controls and the
words it was made of; a report, with what the model is, what it is for and what was not tested. There is no single score
and no verdict "fair": each figure comes with the sentence that it bears, which `figures.Figure.said` writes. The way
in is `conduct.audit`.
"""
