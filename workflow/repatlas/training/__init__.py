"""Training: the paper's protocol, repeatable to the bit and able to go on after an interruption."""
