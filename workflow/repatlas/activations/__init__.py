"""One forward pass over the probe set: Gram matrices of every tapped layer, and the activations."""
