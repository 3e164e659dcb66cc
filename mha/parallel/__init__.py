"""Past one device, on PyTorch's own engine: `torch.distributed`, its ranks started by `torchrun`.

A rank is a process with a device of its own, and a number. `launch` starts ranks, `group` lets them find each other;
`data_split`, `head_split` and `sequence_split` divide the work among them, `traffic` counts what they send, `saved`
writes what a run needs to go on, on any number of ranks. `ways` holds each against one device, `budget` computes it on
paper.
"""
