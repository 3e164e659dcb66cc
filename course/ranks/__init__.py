"""What the pages run on several ranks: modules for `mha.parallel.launch.launch`, whose results are files."""
