"""Networks: the paper's and others, and taps on their layers."""
