"""Attention's backends on a GPU: timed so that the host is not what is timed, checked, and stored as they are measured.

    python -m benchmarks.gpu [--quick] [--minutes 6] [--folder benchmarks/results] [--anew]

`plan` says which shapes, the most telling first; `backends` which ways to compute them; `judge` whether a result is
right; `clock` how long it took; `watch` what the card's clocks did meanwhile; `published` what others have reported.
`worker` measures cell after cell and stores each at once, `supervisor` starts it again where a kernel took it down.
"""
